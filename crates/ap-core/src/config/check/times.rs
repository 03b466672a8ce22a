//! Whether the durations fit one another.

use std::time::Duration;

use super::Findings;
use crate::config::{Checks, Config, Pair, Scheduler, Span};

/// How much earlier than keepalived's timeout a check gives up by itself: a
/// check that keepalived has to kill says nothing about why.
pub const CHECK_MARGIN: Duration = Duration::from_millis(100);

impl Checks {
    /// How long a check may take by its own clock, under keepalived's timeout.
    pub fn deadline(&self) -> Duration {
        self.timeout.get().saturating_sub(CHECK_MARGIN)
    }
}

impl Pair {
    /// The longest time from the last question the active granted to the moment
    /// the standby hears MASTER, when the active vanished at once (power off,
    /// NIC down): only then the lease alone allows the promotion. VRRP takes
    /// three to four adverts; half of `gap` is for whatever runs late.
    pub fn blind_time(&self, advert: Span) -> Duration {
        self.ask_interval.get() + self.ask_timeout.get() + advert.get() * 4 + self.gap.get() / 2
    }
}

impl Config {
    pub(super) fn check_times(&self, f: &mut Findings) {
        let (check, pair) = (&self.check, &self.pair);
        let advert = self.keepalived.advert_interval;
        for (key, span) in [
            ("database.timeout", self.database.timeout),
            ("database.start-timeout", self.database.start_timeout),
            ("api.start-timeout", self.api.start_timeout),
            ("check.interval", check.interval),
            ("pair.ask-interval", pair.ask_interval),
            ("pair.ask-timeout", pair.ask_timeout),
            ("pair.lease", pair.lease),
            ("pair.gap", pair.gap),
            ("pair.stall", pair.stall),
            ("start.nic-timeout", self.start.nic_timeout),
            ("alert.timeout", self.alert.timeout),
            ("fence.timeout", self.fence.timeout),
        ] {
            f.need(!span.get().is_zero(), key, span, "must be more than nothing");
        }
        f.need(
            (Duration::from_millis(10)..=Duration::from_millis(40_950)).contains(&advert.get())
                && advert.get().as_nanos().is_multiple_of(10_000_000),
            "keepalived.advert-interval",
            advert,
            "must be 10ms to 40.95s in steps of 10ms, as VRRP version 3 counts",
        );
        f.need(
            check.timeout < check.interval,
            "check.timeout",
            check.timeout,
            format!("must be less than check.interval, {}", check.interval),
        );
        f.need(
            check.timeout.get() >= CHECK_MARGIN * 2,
            "check.timeout",
            check.timeout,
            format!(
                "must be {} or more: checks stop themselves {} earlier",
                Span(CHECK_MARGIN * 2),
                Span(CHECK_MARGIN)
            ),
        );
        f.need(
            pair.ask_timeout < pair.ask_interval,
            "pair.ask-timeout",
            pair.ask_timeout,
            format!("must be less than pair.ask-interval, {}", pair.ask_interval),
        );
        let blind = pair.blind_time(advert);
        f.need(
            blind < pair.lease.get(),
            "pair.lease",
            pair.lease,
            format!(
                "must be more than {} = pair.ask-interval {} + pair.ask-timeout {} + 4 x keepalived.advert-interval {} \
                 + half of pair.gap {}: otherwise the lease is over before the standby of a vanished active may use it",
                Span(blind),
                pair.ask_interval,
                pair.ask_timeout,
                advert,
                pair.gap
            ),
        );
        f.need(
            self.start.scheduler != Scheduler::At
                || (self.start.delay.get().subsec_nanos() == 0 && self.start.delay.get().as_secs().is_multiple_of(60)),
            "start.delay",
            self.start.delay,
            "must be whole minutes with start.scheduler = \"at\"",
        );
    }
}
