//! Prometheus text, for the textfile collector of node_exporter.
//!
//! Each node tells of itself; the rules put the two together by `codename`.
//! What is not known is left out, so that a rule sees it absent and not as 0.

mod text;

use std::time::{Duration, SystemTime};

use ap_core::mode::{Mode, Role, Vrrp};
use ap_core::status::{Access, Facts, Status, Streaming};

use text::Page;

/// The whole page.
pub fn page(codename: &str, status: &Status) -> String {
    let [own, peer] = &status.nodes;
    let mut page = Page::new(&[("codename", codename), ("host", &own.host)]);
    page.gauge("ap_notify_up", "Whether ap-notify answers on this node.", flag(own.reachable));
    page.gauge("ap_peer_up", "Whether the peer's ap-notify answers.", flag(peer.reachable));
    page.gauge(
        "ap_status_level",
        "What ap-mode status ends with: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.",
        f64::from(status.level.code()),
    );
    if let Some(facts) = &own.facts {
        what(&mut page, facts);
        database(&mut page, facts);
        for (check, verdict) in &facts.checks {
            let help = "Whether this check of keepalived found all well when it last ran.";
            page.with("ap_check_up", help, &[("check", check)], flag(verdict.good));
        }
    }
    page.text()
}

fn flag(on: bool) -> f64 {
    f64::from(u8::from(on))
}

fn seconds(millis: u64) -> f64 {
    Duration::from_millis(millis).as_secs_f64()
}

/// What the node is.
fn what(page: &mut Page, facts: &Facts) {
    let labels = [("version", facts.version.as_str()), ("database_version", &facts.database_version)];
    page.with("ap_info", "Versions of the package and of MariaDB.", &labels, 1.0);
    for mode in [Mode::Ap, Mode::S, Mode::M] {
        let help = "The mode: ap (half of a pair), s (alone), m (out of service).";
        page.with("ap_mode", help, &[("mode", mode.as_str())], flag(facts.mode == mode));
    }
    for role in [Role::Active, Role::Standby] {
        page.with("ap_role", "The role.", &[("role", role.as_str())], flag(facts.role == role));
    }
    for state in [Vrrp::Master, Vrrp::Backup, Vrrp::Fault, Vrrp::Stop] {
        let help = "What keepalived said last.";
        page.with("ap_vrrp_state", help, &[("state", state.as_str())], flag(facts.vrrp == Some(state)));
    }
    let serves = facts.vip && facts.database == Access::Writable && facts.mode != Mode::M && !facts.fenced;
    page.gauge("ap_serves", "Whether clients are served here: the address, and a writable database.", flag(serves));
    page.gauge("ap_started", "Whether the services are meant to run.", flag(facts.started));
    page.gauge("ap_vip", "Whether the virtual address is here.", flag(facts.vip));
    page.gauge("ap_epoch", "Counts promotions of the pair.", facts.epoch as f64);
    page.gauge("ap_solo", "Whether an active acknowledges alone.", flag(facts.solo));
    page.gauge("ap_fenced", "Whether this node acknowledges nothing any more.", flag(facts.fenced));
    page.gauge("ap_promoting", "Whether this node is promoting itself.", flag(facts.promoting));
    page.gauge("ap_protected", "Whether each acknowledged write is on both nodes.", flag(facts.protected));
    page.gauge(
        "ap_protection_age_seconds",
        "For how long ap_protected has been what it is.",
        seconds(facts.protected_ms),
    );
    page.gauge("ap_lease_granted", "Whether an active grants a lease.", flag(facts.lease.granted));
    page.gauge(
        "ap_lease_remaining_seconds",
        "What is left of a standby's right to take over, unless renewed.",
        seconds(facts.lease.left_ms),
    );
    let moment = facts.last_event.as_ref().and_then(|event| humantime::parse_rfc3339(&event.at).ok());
    if let Some(at) = moment.and_then(|at| at.duration_since(SystemTime::UNIX_EPOCH).ok()) {
        page.gauge("ap_last_event_timestamp_seconds", "When something happened last.", at.as_secs_f64());
    }
}

/// Database and replication.
fn database(page: &mut Page, facts: &Facts) {
    page.gauge("ap_database_up", "Whether the database answers.", flag(facts.database != Access::Down));
    page.gauge("ap_database_writable", "Whether the database takes writes.", flag(facts.database == Access::Writable));
    let replication = &facts.replication;
    page.gauge("ap_semi_sync_enabled", "Whether semi-sync is on.", flag(replication.semi_sync));
    page.gauge(
        "ap_semi_sync_waiting_commits",
        "Commits that wait for the standby's acknowledgement.",
        f64::from(replication.waiting),
    );
    if replication.state == Streaming::None {
        return;
    }
    page.gauge(
        "ap_replication_running",
        "Whether a standby receives and applies.",
        flag(replication.state == Streaming::Streaming),
    );
    if let Some(behind) = replication.lag_seconds {
        page.gauge("ap_replication_lag_seconds", "By MariaDB's reckoning.", behind as f64);
    }
    if let Some(behind) = replication.lag_transactions {
        let help = "Transactions that the active has and this node has not applied.";
        page.gauge("ap_replication_lag_transactions", help, behind as f64);
    }
}

#[cfg(test)]
mod tests;
