//! The verdict on a database.

use std::path::Path;
use std::time::Duration;

use ap_core::config::Span;
use ap_core::state::{Intention, State};
use ap_core::verdict::Verdict;
use ap_host::boottime;
use ap_host::track::within;
use ap_net::{Kernel, Net};

use crate::args::Plan;
use crate::ask::ask;

/// Free space below which a server cannot be counted on to write, in bytes: less
/// than one InnoDB extent and one binary log event.
const LEAST_SPACE: u64 = 4 << 20;

/// What the database said, and what is around it.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// `read_only`.
    pub read_only: bool,
    /// Whether each connection that clients may open is taken.
    pub full: bool,
    /// Numbers of the errors that stopped SQL threads; empty where nothing replicates or all is well.
    pub sql_errors: Vec<String>,
    /// What is left for the data directory, in bytes; `None`: not visible from here.
    pub space: Option<u64>,
    /// Whether this node holds the VIP.
    pub vip: bool,
    /// Whether `ap-notify` is making this node the active one: it may be draining
    /// a long relay log, and giving the VIP away would only make it longer.
    pub promoting: bool,
}

/// A verdict, and since when the VIP is here without a writable database.
#[derive(Debug, PartialEq, Eq)]
pub struct Found {
    pub verdict: Verdict,
    pub pending: Option<Duration>,
}

/// Asks once, within the deadline.
pub fn run(plan: Plan, pending: Option<Duration>) -> Found {
    let (deadline, grace) = (plan.deadline, plan.writable_grace);
    // A server that is stopped (SIGSTOP) still accepts connections into its queue,
    // and blocks whoever connects once that is full: no timeout of the client counts then.
    let facts = within(deadline, move || look(&plan));
    match facts {
        Ok(Ok(facts)) => judge(&facts, pending, boottime(), grace),
        Ok(Err(error)) => Found { verdict: Verdict::bad(format!("{error:#}")), pending },
        Err(verdict) => Found { verdict, pending },
    }
}

fn look(plan: &Plan) -> anyhow::Result<Facts> {
    let vip = match plan.vip {
        Some(vip) => Kernel.own_addresses()?.contains(&vip),
        None => false,
    };
    let mut facts = ask(plan, vip)?;
    facts.vip = vip;
    facts.promoting = plan.state_file.as_deref().is_some_and(promoting);
    Ok(facts)
}

/// A state that cannot be read promotes nothing: then the grace counts.
fn promoting(state_file: &Path) -> bool {
    std::fs::read_to_string(state_file)
        .ok()
        .and_then(|text| State::from_toml(&text).ok())
        .is_some_and(|state| matches!(state.intention, Some(Intention::Promote { .. })))
}

fn judge(facts: &Facts, pending: Option<Duration>, now: Duration, grace: Duration) -> Found {
    let bad = |reason: String| Found { verdict: Verdict::bad(reason), pending };
    if facts.full {
        return bad("every connection is taken (max_connections)".into());
    }
    if facts.space.is_some_and(|space| space < LEAST_SPACE) {
        return bad("the data directory's file system is full".into());
    }
    if let Some(error) = facts.sql_errors.first() {
        return bad(format!("the SQL thread has stopped with error {error}, see SHOW ALL SLAVES STATUS"));
    }
    let good = |reason: &str, pending| Found { verdict: Verdict::good(reason), pending };
    if !facts.read_only {
        return good("answers, writable", None);
    }
    if !facts.vip {
        return good("answers, read-only", None);
    }
    if facts.promoting {
        return good("answers, read-only while being promoted", None);
    }
    let since = pending.unwrap_or(now);
    let verdict = if now.saturating_sub(since) > grace {
        Verdict::bad(format!("holds the VIP and is read-only for longer than {}", Span(grace)))
    } else {
        Verdict::good("answers, holds the VIP and is still read-only")
    };
    Found { verdict, pending: Some(since) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_it_says_and_where_it_is_decide() {
        let sec = Duration::from_secs;
        let facts = Facts::default();
        let read_only = Facts { read_only: true, ..facts.clone() };
        let held = Facts { vip: true, ..read_only.clone() };
        let broken = Facts { sql_errors: vec!["1062".into()], ..read_only.clone() };
        // Facts, pending since, verdict, then pending since.
        let table = [
            (facts.clone(), None, true, "answers, writable", None),
            (facts.clone(), Some(sec(7)), true, "answers, writable", None),
            (read_only.clone(), Some(sec(7)), true, "answers, read-only", None),
            (held.clone(), None, true, "answers, holds the VIP and is still read-only", Some(sec(100))),
            (held.clone(), Some(sec(95)), true, "answers, holds the VIP and is still read-only", Some(sec(95))),
            (held.clone(), Some(sec(94)), false, "holds the VIP and is read-only for longer than 5s", Some(sec(94))),
            (
                Facts { promoting: true, ..held.clone() },
                Some(sec(7)),
                true,
                "answers, read-only while being promoted",
                None,
            ),
            (
                broken.clone(),
                None,
                false,
                "the SQL thread has stopped with error 1062, see SHOW ALL SLAVES STATUS",
                None,
            ),
            (Facts { full: true, ..facts.clone() }, None, false, "every connection is taken (max_connections)", None),
            (
                Facts { space: Some(LEAST_SPACE - 1), ..facts.clone() },
                None,
                false,
                "the data directory's file system is full",
                None,
            ),
            (Facts { space: Some(LEAST_SPACE), ..facts.clone() }, None, true, "answers, writable", None),
        ];
        for (facts, pending, good, reason, then) in table {
            let found = judge(&facts, pending, sec(100), sec(5));
            let (verdict, pending) = (Verdict { good, reason: reason.into() }, then);
            assert_eq!(found, Found { verdict, pending }, "{facts:?}");
        }
    }

    #[test]
    fn only_a_promotion_on_record_is_one() {
        let path = std::env::temp_dir().join(format!("ap-track-db-state-{}", std::process::id()));
        assert!(!promoting(&path));
        let mut state = State::fresh();
        std::fs::write(&path, state.to_toml().unwrap()).unwrap();
        assert!(!promoting(&path));
        state.intention = Some(Intention::Promote { epoch: 2 });
        std::fs::write(&path, state.to_toml().unwrap()).unwrap();
        assert!(promoting(&path));
        std::fs::write(&path, "mode = ").unwrap();
        assert!(!promoting(&path));
        std::fs::remove_file(&path).unwrap();
    }
}
