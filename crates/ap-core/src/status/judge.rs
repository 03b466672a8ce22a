//! OK, WARNING or CRITICAL, and why. The table of what is what:
//!
//! | level    | when                                                                   |
//! |----------|------------------------------------------------------------------------|
//! | CRITICAL | nobody serves, or both do; the API of the node that serves is bad;      |
//! |          | commits have waited for long; ap-notify does not answer on this node    |
//! | WARNING  | it serves, but the next failure would end that: alone, unprotected, the |
//! |          | standby cannot take over, lags, or does not answer; a change under way  |
//! | OK       | a pair, each acknowledged write on both nodes                           |

use std::net::Ipv4Addr;

use serde::Serialize;

use super::Sight;
use crate::answer::Answer;
use crate::exit::Level;
use crate::mode::{Mode, Role, Vrrp};

/// Commits that waited longer than this are an outage; a lease and its margin
/// are over by then.
const STALLED_MS: u64 = 10_000;
/// A standby further behind would take long to drain before it serves.
const LAG_SECONDS: u64 = 60;

/// One thing that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Finding {
    /// How bad.
    pub level: Level,
    /// What, and where there is one, the command that mends it.
    pub text: String,
}

/// The level, the whole in a sentence, and everything that is not as it should be.
pub fn judge(vip: Ipv4Addr, own: &Sight, peer: &Sight) -> (Level, String, Vec<Finding>) {
    let mut findings = Vec::new();
    let mut find = |level, text: String| findings.push(Finding { level, text });
    if own.now.is_err() {
        find(
            Level::Critical,
            format!(
                "ap-notify does not answer on {}: nobody would act on a failure; systemctl status ap-notify.service",
                own.host
            ),
        );
    }
    // Without ap-notify, what can be seen of this node is of now all the same.
    let answers: Vec<&Answer> = own.known().into_iter().chain(peer.now.as_ref().ok()).collect();
    let serving: Vec<&Answer> = answers.iter().copied().filter(|answer| serves(answer)).collect();
    if let Err(silence) = &peer.now {
        let level = if serving.is_empty() { Level::Critical } else { Level::Warning };
        let last = peer.last.as_ref().map_or("never heard".into(), |last| {
            format!("last heard {} s ago as {}", last.age_ms / 1000, name(&last.answer))
        });
        find(level, format!("{} does not answer ({last}): {silence}", peer.host));
    }
    match serving.as_slice() {
        [one] => {
            serving_node(one, &mut find);
            for other in answers.iter().filter(|answer| answer.host != one.host) {
                other_node(one, other, &mut find);
            }
        }
        [] => nobody(&answers, &mut find),
        _ => find(
            Level::Critical,
            "both nodes hold the VIP and are writable; the one with the lower epoch leaves within seconds".into(),
        ),
    }
    if let [one, other] = answers.as_slice()
        && one.version != other.version
    {
        find(
            Level::Warning,
            format!("two versions: {} on {}, {} on {}", one.version, one.host, other.version, other.host),
        );
    }
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.level));
    let level = findings.first().map_or(Level::Ok, |finding| finding.level);
    let summary = match serving.as_slice() {
        [one] => format!("{} serves {vip}, {}", one.host, protection(one)),
        [] => format!("nobody is seen to serve {vip}"),
        _ => format!("both serve {vip}"),
    };
    (level, summary, findings)
}

/// Clients get their answers here.
fn serves(answer: &Answer) -> bool {
    answer.serves() && answer.vip && answer.writable == Some(true)
}

fn name(answer: &Answer) -> String {
    match answer.mode {
        Mode::Ap if answer.solo => "ap active, solo".into(),
        Mode::Ap => format!("ap {}", answer.role),
        mode => mode.to_string(),
    }
}

fn protection(answer: &Answer) -> &'static str {
    if answer.protected { "each acknowledged write is on both nodes" } else { "UNPROTECTED" }
}

fn serving_node(one: &Answer, find: &mut impl FnMut(Level, String)) {
    let host = &one.host;
    if let Some(api) = one.report.checks.get("api").filter(|api| !api.good) {
        find(Level::Critical, format!("the API on {host} is bad: {}", api.reason));
    }
    match one.mode {
        Mode::S => find(
            Level::Warning,
            format!(
                "{host} serves alone (s) since {}: {}; way back: `ap-mode set ap` on the other node, then on {host}",
                one.since, one.why
            ),
        ),
        _ if one.protected => {}
        _ if one.solo => find(Level::Warning, format!("{host} acknowledges alone: {}", one.protection)),
        _ => {
            let stalled = one.report.waiting > 0 && one.report.protected_ms > STALLED_MS;
            let level = if stalled { Level::Critical } else { Level::Warning };
            find(level, format!("{} commits wait on {host}: {}", one.report.waiting, one.protection));
        }
    }
}

/// The node that does not serve: would it, if it had to?
fn other_node(one: &Answer, other: &Answer, find: &mut impl FnMut(Level, String)) {
    let host = &other.host;
    let report = &other.report;
    if other.promoting {
        find(Level::Warning, format!("{host} is promoting itself"));
    }
    if other.mode != Mode::Ap || other.role != Role::Standby {
        // Said of the one that serves, if that is alone by its mode.
        let way = if other.mode == Mode::M { "`ap-mode set ap` on it" } else { "`ap-mode set m` on it" };
        if one.mode == Mode::Ap {
            find(Level::Warning, format!("{host} is no standby ({}): {}; {way}", name(other), other.why));
        } else if other.mode == Mode::S {
            find(Level::Warning, format!("{host} is in s as well; {way}"));
        }
        return;
    }
    if !report.started {
        find(Level::Warning, format!("the standby {host} is not started: `ap-mode start` on it"));
        return;
    }
    if other.writable.is_none() {
        find(Level::Warning, format!("the database of the standby {host} does not answer; `ap-mode restart` on it"));
    } else if !other.replicating {
        let error = &report.replication_error;
        let way = if is_lasting(error) { "; `ap-mode set m` on it, then `ap-mode set ap`" } else { "" };
        find(Level::Warning, format!("the standby {host} does not replicate: {}{way}", or(error, "stopped")));
    } else if !other.protected {
        find(Level::Warning, format!("the standby {host} may not take over: {}", other.protection));
    }
    if let Some(behind) = report.behind.filter(|behind| *behind > LAG_SECONDS) {
        find(Level::Warning, format!("the standby {host} is {behind} s behind and would take as long to serve"));
    }
    if other.vrrp != Some(Vrrp::Backup) && other.protected {
        let word = other.vrrp.map_or("nothing", Vrrp::as_str);
        find(Level::Warning, format!("the standby {host} would not take over: keepalived says {word}"));
    }
    for (check, verdict) in report.checks.iter().filter(|(_, verdict)| !verdict.good) {
        let way = if check == "nic" { "" } else { "; `ap-mode restart` on it" };
        find(Level::Warning, format!("the check {check} on the standby {host} is bad: {}{way}", verdict.reason));
    }
}

/// Whether replication cannot go on by itself: an error of a server, not of a
/// connection, which is tried again (MariaDB numbers these from 2000 on).
fn is_lasting(error: &str) -> bool {
    let numbers = error.split(' ').filter_map(|word| word.strip_suffix(':')?.parse::<u32>().ok());
    numbers.into_iter().any(|number| (1000..2000).contains(&number))
}

/// Says of each node that answers why it does not serve.
fn nobody(answers: &[&Answer], find: &mut impl FnMut(Level, String)) {
    for answer in answers {
        let host = &answer.host;
        let text = if answer.promoting {
            format!("{host} is promoting itself")
        } else if answer.mode == Mode::M {
            format!("{host} is in m since {} ({}): {}", answer.since, answer.who, answer.why)
        } else if !answer.report.started {
            format!("{host} ({}) is not started: `ap-mode start` on it", name(answer))
        } else if !answer.serves() {
            format!("{host} ({}) does not serve: {}", name(answer), answer.protection)
        } else if !answer.vip {
            let word = answer.vrrp.map_or("nothing", Vrrp::as_str);
            format!("{host} ({}) does not hold the VIP: keepalived says {word}", name(answer))
        } else if answer.writable.is_none() {
            format!("{host} ({}): the database does not answer", name(answer))
        } else {
            format!("{host} ({}): the database is read-only", name(answer))
        };
        find(Level::Critical, text);
    }
    let last = answers.iter().max_by_key(|answer| (answer.epoch, answer.role == Role::Active));
    if let Some(last) = last.filter(|last| last.mode == Mode::M && answers.iter().all(|it| !it.promoting)) {
        find(Level::Critical, format!("the last to serve was {}: `ap-mode set s` on it", last.host));
    }
}

fn or<'a>(text: &'a str, otherwise: &'a str) -> &'a str {
    if text.is_empty() { otherwise } else { text }
}

#[cfg(test)]
#[path = "judge_tests.rs"]
mod tests;
