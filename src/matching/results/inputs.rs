//! What a run was of: hashes of the rows that it read, of its rules and of what people had decided.

use sha2::{Digest, Sha256};

use crate::error::Result;
use crate::matching::outcome::Step;
use crate::matching::overrides::Decided;
use crate::matching::sides::Lines;

/// The hash of all that rules compare of the rows of their tables. What a SELECT reads besides is not in it.
///
/// # Errors
/// [`crate::error::ErrorKind::Bug`] when a step has not its tables.
pub(super) fn rows(steps: &[Step]) -> Result<String> {
    let mut hash = Sha256::new();
    for step in steps {
        hash.update(step.hop.to_le_bytes());
        for (rule, sides) in step.rules.iter().zip(&step.sides) {
            for (side, place) in sides.iter() {
                add(&mut hash, step.table(*place)?.lines(rule, side))?;
            }
        }
    }
    Ok(short(hash))
}

fn add(hash: &mut Sha256, lines: Lines<'_>) -> Result<()> {
    let table = lines.table();
    text(hash, Some(table.name()));
    hash.update(table.len().to_le_bytes());
    for row in (0_u32..).take(table.len()) {
        text(hash, Some(table.id(row)?));
        hash.update(lines.amount(row).map_or([0; 17], |amount| tagged(amount.to_le_bytes())));
        text(hash, lines.currency(row));
        hash.update(lines.day(row).map_or([0; 5], |day| tagged(day.to_le_bytes())));
    }
    Ok(())
}

/// The hash of the rules of a flow.
pub(super) fn rules(steps: &[Step]) -> String {
    let mut hash = Sha256::new();
    for rule in steps.iter().flat_map(|step| &step.rules) {
        text(&mut hash, Some(&rule.id));
        text(&mut hash, Some(&rule.version));
    }
    short(hash)
}

/// The hash of what people have decided, and of the last day of the closed periods; nothing where there is neither.
pub(super) fn decisions(decided: &Decided, closed: Option<i32>) -> Option<String> {
    if decided.is_empty() && closed.is_none() {
        return None;
    }
    let mut hash = Sha256::new();
    // Maps and lists in an order of their own: the same decisions are the same text.
    text(&mut hash, Some(&format!("{decided:?} {closed:?}")));
    Some(short(hash))
}

/// Bytes that are told from none.
fn tagged<const N: usize, const M: usize>(bytes: [u8; N]) -> [u8; M] {
    let mut tagged = [1; M];
    for (place, byte) in tagged.iter_mut().skip(1).zip(bytes) {
        *place = byte;
    }
    tagged
}

fn text(hash: &mut Sha256, text: Option<&str>) {
    match text {
        None => hash.update([0]),
        Some(text) => {
            hash.update([1]);
            hash.update(text.len().to_le_bytes());
            hash.update(text);
        }
    }
}

fn short(hash: Sha256) -> String {
    hex::encode(hash.finalize().first_chunk::<8>().unwrap_or(&[0; 8]))
}
