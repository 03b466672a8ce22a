//! Time. A tick is a second; now is always the same moment, and a tick makes
//! everything known one tick older (`Agent::age`). So the states are finitely many for
//! a pair that runs for ever, and only faults have to be bounded.
//!
//! At this length everything that an agent does regularly is due in each tick, once.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use ap_core::agent::Site;
use ap_core::config::{Config, Span, parse};

use super::twist::Twist;

/// The smallest time that passes.
pub const TICK: Duration = Duration::from_secs(1);
/// Now, since boot. Whatever is older than this is as old as can be: longer than T + D,
/// and than a refusal is remembered.
pub const NOW: Duration = Duration::from_secs(8);

/// The sites of the two hosts, as they should be and for each twist that changes one.
static SITES: LazyLock<[[Arc<Site>; 2]; 2]> = LazyLock::new(|| {
    let impatient = |config: &mut Config| config.pair.lease = Span::millis(1);
    [pair(|_| {}), pair(impatient)]
});

/// The configuration of this host.
pub fn site(n: usize, twist: Option<Twist>) -> Arc<Site> {
    let [plain, impatient] = &*SITES;
    match (n, twist) {
        (0, Some(Twist::Impatient)) => impatient[0].clone(),
        _ => plain[n].clone(),
    }
}

/// T is four ticks, D two, and VRRP needs more than one to miss a node: a configuration
/// that `ap-mode check` accepts. An answer may come a tick late.
fn config() -> Config {
    let example = parse(include_str!("../../../../ap.toml.example"), "ap.toml.example");
    let mut config = example.unwrap_or_else(|error| unreachable!("the example is a configuration: {error}"));
    config.keepalived.advert_interval = Span::millis(340);
    config.pair.ask_interval = Span(TICK);
    config.pair.ask_timeout = Span::millis(600);
    config.pair.lease = Span(TICK * 4);
    config.pair.gap = Span(TICK * 2);
    config.pair.stall = Span(TICK);
    config
}

fn pair(change: impl Fn(&mut Config)) -> [Arc<Site>; 2] {
    let mut config = config();
    change(&mut config);
    [0, 1].map(|n: usize| {
        Arc::new(Site {
            own: config.host[n].clone(),
            peer: config.host[1 - n].clone(),
            config: config.clone(),
            replication_user: "repl".into(),
            replication_password: "secret".into(),
        })
    })
}
