//! The hosts: which answer, and what their clocks say about ours.

use chrono::TimeDelta;
use futures::future::join_all;

use super::{Check, NEEDED, Outcome, Patient, Subject};
use crate::api::probe::{Probe, Reached};
use crate::api::request::Host;
use crate::clock::Clock;
use crate::error::Result;
use crate::resources::RESOURCES;
use crate::secret::redact_url;

const HOSTS: [(Host, &str); 5] = [
    (Host::Main, "main"),
    (Host::Balances, "balances"),
    (Host::Transfers, "transfers"),
    (Host::Files, "files"),
    (Host::Token, "token"),
];
/// How far the clocks may be apart.
const SKEW: TimeDelta = TimeDelta::seconds(60);

/// What came of asking each host.
#[derive(Debug)]
pub(super) struct Hosts(Vec<(Host, &'static str, Result<Reached>)>);

impl Hosts {
    /// Whether a host answered.
    pub(super) fn is_reached(&self, host: Host) -> bool {
        self.0.iter().any(|(own, _, reached)| *own == host && reached.is_ok())
    }
}

/// Asks all of them at once.
pub(super) async fn reach(probe: &Probe) -> Hosts {
    let asked = HOSTS.into_iter().map(|(host, name)| async move { (host, name, probe.reach(host).await) });
    Hosts(join_all(asked).await)
}

/// A check for each host.
pub(super) fn checks(patient: &Patient, hosts: &Hosts) -> Vec<Check> {
    let check = |(host, name, reached): &(Host, &'static str, Result<Reached>)| {
        let check = match reached {
            Ok(_) => Check::new(Subject::Host, *name, Outcome::Ok, redact_url(patient.account.hosts.base(*host))),
            Err(error) => Check::new(Subject::Host, *name, Outcome::Refused, error.to_string()).with_remedy(remedy(*host, name)),
        };
        if is_needed(patient, *host) { check.needed() } else { check }
    };
    hosts.0.iter().map(check).collect()
}

fn remedy(host: Host, name: &str) -> String {
    let setting = match host {
        Host::Main => "the prefix or api_url".to_owned(),
        Host::Token => "the prefix or token_url".to_owned(),
        Host::Balances | Host::Transfers | Host::Files => format!("{name}_url"),
    };
    format!("let this machine reach *.checkout.com on port 443, or correct {setting}")
}

/// Whether a needed scope is used there, or a token must come from there.
fn is_needed(patient: &Patient, host: Host) -> bool {
    let calls = RESOURCES.iter().flat_map(|resource| resource.calls);
    let is_used = calls.filter(|call| NEEDED.contains(&call.scope)).any(|call| call.host == host);
    is_used || (host == Host::Token && patient.is_oauth())
}

/// Compares this machine's clock with the first host that told its own.
pub(super) fn clock(patient: &Patient, hosts: &Hosts) -> Check {
    let told = hosts.0.iter().find_map(|(.., reached)| reached.as_ref().ok().filter(|reached| reached.date.is_some()));
    match (patient.clock, told) {
        (Clock::Fixed(now), _) => {
            Check::new(Subject::Clock, "", Outcome::Ok, format!("stands still at {now}, as the demo merchant's"))
        }
        (Clock::System, Some(reached)) => compared(*reached),
        (Clock::System, None) => Check::new(Subject::Clock, "", Outcome::Unknown, "no host told its time"),
    }
}

fn compared(reached: Reached) -> Check {
    let ahead = reached.date.map(|date| reached.at - date).unwrap_or_default();
    let seconds = ahead.num_seconds();
    if ahead.abs() <= SKEW {
        return Check::new(Subject::Clock, "", Outcome::Ok, "agrees with Checkout.com's within 60 s");
    }
    let way = if seconds > 0 { "ahead of" } else { "behind" };
    Check::new(Subject::Clock, "", Outcome::Warning, format!("{} s {way} Checkout.com's", seconds.abs()))
        .with_remedy("set this machine's clock by NTP: until then the newest rows are missed, or asked for in vain")
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    #[test]
    fn a_clock_may_be_off_by_a_minute() {
        let at = DateTime::UNIX_EPOCH;
        let outcome = |seconds| compared(Reached { date: Some(at + TimeDelta::seconds(seconds)), at }).outcome;
        assert_eq!([0, 60, -60].map(outcome), [Outcome::Ok; 3]);
        assert_eq!([61, -61].map(outcome), [Outcome::Warning; 2]);
        let behind = compared(Reached { date: Some(at + TimeDelta::seconds(3600)), at });
        assert_eq!(behind.found, "3600 s behind Checkout.com's");
    }
}
