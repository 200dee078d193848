//! The candidates nearest by date. Two rows of one amount are told apart by their dates only in stories: as a match this
//! is wrong one time in ten, so it only suggests.

use crate::matching::assign::Window;

/// The nearest candidates of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nearest {
    /// How many days away they are.
    pub days: u32,
    /// All that are as near, smallest first, but not more than was asked for.
    pub rows: Vec<u32>,
}

/// The candidates of a left row whose day is nearest to this day, all of them that are equally near, the smallest `most` of
/// them; `None` where there is no candidate.
pub fn nearest(window: &Window, left: u32, day: i32, most: usize) -> Option<Nearest> {
    let mut best: Option<Nearest> = None;
    for (other, rows) in window.days(left, most) {
        let days = other.abs_diff(day);
        match &mut best {
            Some(best) if best.days < days => {}
            Some(best) if best.days == days => best.rows.extend(rows),
            _ => best = Some(Nearest { days, rows }),
        }
    }
    let mut best = best?;
    best.rows.sort_unstable();
    best.rows.truncate(most);
    Some(best)
}
