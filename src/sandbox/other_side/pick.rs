//! Which of many get a fate of their own: spread over all of them, so that none is near another.

use crate::sandbox::dice::Dice;

/// Fewer than this, and none of them is picked.
const ROOM: usize = 4;

/// For each of so many fates the place of one that fits it, from a part of its own; `None` where none does.
///
/// Of each part only the first half is looked at, so two that are picked are at least half a part from each other.
pub(super) fn spread(dice: &mut Dice, many: usize, fates: usize, fits: impl Fn(usize, usize) -> bool) -> Vec<Option<usize>> {
    let part = many / fates.max(1);
    let mut picked = Vec::with_capacity(fates);
    for fate in 0..fates {
        let half = (part / 2).max(1);
        let first = usize::try_from(dice.below(half as u64)).unwrap_or(0);
        // From somewhere on, and once around.
        let mut places = (0..half).map(|step| fate * part + (first + step) % half);
        picked.push(places.find(|place| part >= ROOM && fits(fate, *place)));
    }
    picked
}
