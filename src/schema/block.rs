//! Sixteen bytes at a time, as two words, for the scans that look for the byte that ends something.
//!
//! Knows nothing of what the bytes are.

/// A one in every byte.
pub(super) const ONES: u64 = u64::from_ne_bytes([0x01; 8]);
/// The high bit of every byte.
pub(super) const HIGH: u64 = u64::from_ne_bytes([0x80; 8]);

/// How many of sixteen bytes come before the first that stops the scan: `stops` sets the high bit of the first such byte
/// of a word, the lowest being the first, and of none when there is none.
#[inline]
pub(super) fn clear_bytes(block: &[u8; 16], stops: impl Fn(u64) -> u64) -> usize {
    let (low, high) = block.split_at(8);
    let word = |half: &[u8]| half.first_chunk().map_or(0, |eight| u64::from_le_bytes(*eight));
    let (low, high) = (stops(word(low)), stops(word(high)));
    // Most texts end inside their first block, so its two words are told apart here and not by another round of the
    // loop. Choosing without a branch is slower: a predicted branch need not wait for the words before the next value.
    let (word, before) = if low == 0 { (high, 8) } else { (low, 0) };
    before + word.trailing_zeros() as usize / 8
}
