//! The settlement zones of the merchant's entities: where their days begin, and what their report files print times in.
//!
//! Neither has summer time, so every day has 24 hours and a local time is one instant. Payouts are made and fees are taken
//! at the same instants in both, which lie in the same day of both. The API knows nothing of them.

use super::currency::ENTITIES;
use super::merchant::Merchant;
use super::schedule::{DAY, HOUR, Micros};

/// A settlement zone.
#[derive(Debug, Clone, Copy)]
pub(super) struct Zone {
    /// Its name, as the vendor prints it.
    pub name: &'static str,
    /// How far its clocks are ahead of UTC; whole hours, as balances are known by the hour.
    ahead: Micros,
}

static ZONES: [Zone; ENTITIES] = [Zone::UTC, Zone { name: "Asia/Dubai", ahead: 4 * HOUR }];

impl Zone {
    /// UTC.
    pub(super) const UTC: Self = Self { name: "UTC", ahead: 0 };

    /// The zone of one of the merchant's own entities; UTC for others.
    pub(super) fn of(entity: usize) -> Self {
        ZONES.get(entity).copied().unwrap_or(Self::UTC)
    }

    /// What its clocks show at an instant, as if that were UTC.
    pub(super) const fn local(&self, at: Micros) -> Micros {
        at + self.ahead
    }

    /// The start of a day of the merchant's, counted from 0: the first one begins before the merchant does.
    pub(super) fn start_of(&self, merchant: &Merchant, day: usize) -> Micros {
        merchant.started_at() + Micros::try_from(day).unwrap_or(0) * DAY - self.ahead
    }

    /// The day that an instant lies in.
    pub(super) fn day_of(&self, merchant: &Merchant, at: Micros) -> Option<usize> {
        usize::try_from((self.local(at) - merchant.started_at()) / DAY).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::MerchantOptions;
    use crate::schema::time;

    #[test]
    fn the_clocks_are_as_far_ahead_as_the_name_says() {
        let merchant = Merchant::new(MerchantOptions { payments: 10, ..MerchantOptions::default() });
        for zone in ZONES {
            let named = time::zone(zone.name).unwrap();
            for day in 0..merchant.days() {
                let start = zone.start_of(&merchant, day);
                assert_eq!(time::instant_in(zone.local(start), named), Some(start));
                assert_eq!((zone.local(start) % DAY, zone.day_of(&merchant, start)), (0, Some(day)));
                assert_eq!(zone.day_of(&merchant, start + DAY - 1), Some(day));
            }
        }
    }
}
