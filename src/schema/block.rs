//! Sixteen bytes at a time, for the scans that look for the byte that ends something.
//!
//! Knows nothing of what the bytes are.

use wide::u8x16;

/// Bytes in a block.
const BLOCK: usize = 16;

/// Where the first byte from `at` on is that is looked for, or the end of the text: `are` marks such bytes of a block.
#[inline]
pub(super) fn find(text: &[u8], mut at: usize, are: impl Fn(u8x16) -> u8x16) -> usize {
    while let Some(block) = text.get(at..).and_then(<[u8]>::first_chunk) {
        let marks = are(u8x16::new(*block)).to_bitmask();
        if marks != 0 {
            return at + marks.trailing_zeros() as usize;
        }
        at += BLOCK;
    }
    find_in_last(text, at, are)
}

/// As [`find`], where less than a block is left.
#[cold]
fn find_in_last(text: &[u8], at: usize, are: impl Fn(u8x16) -> u8x16) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    let mut block = [0; BLOCK];
    for (byte, last) in block.iter_mut().zip(rest) {
        *byte = *last;
    }
    let marks = are(u8x16::new(block)).to_bitmask();
    at + rest.len().min(marks.trailing_zeros() as usize)
}
