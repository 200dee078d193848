//! Lists of candidates that many rows have.

use std::sync::Arc;

/// Lists of candidates that were told of last: rows that are alike come in thousands, and have the same.
pub(super) struct Lists(Vec<Option<List>>);

/// What rows are alike in, and their candidates.
type List = ((u32, u32), Arc<[u32]>);

impl Default for Lists {
    fn default() -> Self {
        Self(vec![None; 1 << 12])
    }
}

impl Lists {
    /// The list of rows that are alike in this, which is made where it is not at hand.
    pub(super) fn list(&mut self, alike: Option<(u32, u32)>, list: impl FnOnce() -> Arc<[u32]>) -> Arc<[u32]> {
        let Some(alike) = alike else { return list() };
        let place = alike.0.wrapping_mul(0x9E37_79B1) >> 20;
        let Some(slot) = usize::try_from(place).ok().and_then(|place| self.0.get_mut(place)) else { return list() };
        match slot {
            Some((known, list)) if *known == alike => Arc::clone(list),
            _ => Arc::clone(&slot.insert((alike, list())).1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_are_alike_share_a_list_and_others_have_their_own() {
        let mut lists = Lists::default();
        let first = lists.list(Some((7, 9)), || [1, 2].into());
        assert!(Arc::ptr_eq(&first, &lists.list(Some((7, 9)), || [3].into())));
        assert_eq!(lists.list(Some((7, 8)), || [4].into()).as_ref(), [4]);
        assert_eq!(lists.list(None, || [5].into()).as_ref(), [5]);
        assert_eq!(lists.list(None, || [6].into()).as_ref(), [6]);
    }
}
