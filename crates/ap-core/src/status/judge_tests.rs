//! The table of levels, one case a line.

use super::*;
use crate::observed::Gateway;
use crate::status::Last;
use crate::verdict::Verdict;

/// What came of asking a node.
type Asked = Result<Answer, &'static str>;

fn node(host: &str, mode: Mode, role: Role) -> Answer {
    let (active, standby) = (role == Role::Active && mode != Mode::M, role == Role::Standby && mode == Mode::Ap);
    let mut answer = Answer {
        host: host.into(),
        codename: "ap".into(),
        version: "1".into(),
        mode,
        role,
        epoch: 1,
        solo: false,
        fenced: false,
        switchover: false,
        promoting: false,
        grant: active.then(|| "relay".into()),
        lease: standby,
        relay: if standby { "relay".into() } else { String::new() },
        vrrp: [(active, Vrrp::Master), (standby, Vrrp::Backup)].into_iter().find_map(|(is, word)| is.then_some(word)),
        vip: active,
        gateway: Gateway::Answers,
        writable: (mode != Mode::M).then_some(active),
        db_version: "10.11".into(),
        binlog_pos: "0-1-10".parse().unwrap(),
        slave_pos: "0-1-10".parse().unwrap(),
        io_pos: "0-1-10".parse().unwrap(),
        binlog_state: "0-1-10".parse().unwrap(),
        user_tables: 1,
        replicating: standby,
        doing: String::new(),
        since: "then".into(),
        who: "somebody".into(),
        why: "because".into(),
        protected: mode == Mode::Ap,
        protection: "so".into(),
        report: Default::default(),
    };
    answer.report.started = mode != Mode::M;
    answer
}

fn sight(host: &str, now: Asked, last: Option<Answer>) -> Sight {
    let last = last.map(|answer| Last { answer, at: "then".into(), age_ms: 12_000 });
    Sight { host: host.into(), here: host == "a", now: now.map_err(str::to_owned), last }
}

/// The level, and the first finding.
fn verdict(a: Asked, b: Asked) -> (Level, String) {
    let last = |now: &Asked| now.is_err().then(|| node("b", Mode::Ap, Role::Standby));
    let (a_last, b_last) = (a.is_err().then(|| node("a", Mode::Ap, Role::Active)), last(&b));
    let (level, _, findings) = judge([192, 0, 2, 10].into(), &sight("a", a, a_last), &sight("b", b, b_last));
    (level, findings.first().map(|finding| finding.text.clone()).unwrap_or_default())
}

fn with(mut answer: Answer, change: impl FnOnce(&mut Answer)) -> Answer {
    change(&mut answer);
    answer
}

#[test]
fn whoever_does_not_serve_hears_what_to_type() {
    let resting = |host, role| node(host, Mode::M, role);
    let standby = |change: fn(&mut Answer)| with(node("b", Mode::Ap, Role::Standby), change);
    let active = || node("a", Mode::Ap, Role::Active);
    let table: Vec<(Asked, Asked, &str)> = vec![
        (Ok(resting("a", Role::Standby)), Ok(resting("b", Role::Active)), "was b: `ap-mode set s` on it"),
        (Ok(active()), Ok(resting("b", Role::Standby)), "because; `ap-mode set ap` on it"),
        (Ok(active()), Ok(standby(|b| b.writable = None)), "does not answer; `ap-mode restart` on it"),
        (
            Ok(active()),
            Ok(standby(|b| (b.replicating, b.report.replication_error) = (false, "2003: a 1236: b".into()))),
            "1236: b; `ap-mode set m` on it, then `ap-mode set ap`",
        ),
        (
            Ok(active()),
            Ok(standby(|b| (b.replicating, b.report.replication_error) = (false, "2003: error connecting".into()))),
            "error connecting",
        ),
    ];
    for (a, b, says) in table {
        let (_, _, findings) = judge([192, 0, 2, 10].into(), &sight("a", a, None), &sight("b", b, None));
        assert!(findings.iter().any(|finding| finding.text.ends_with(says)), "{findings:?} lacks {says}");
    }
}

#[test]
fn levels() {
    let active = || node("a", Mode::Ap, Role::Active);
    let standby = || node("b", Mode::Ap, Role::Standby);
    let alone = || with(node("a", Mode::S, Role::Active), |a| a.protected = false);
    let resting = |host| node(host, Mode::M, Role::Standby);
    let unprotected = |solo, waiting, ms| {
        with(active(), |a| (a.protected, a.solo, a.report.waiting, a.report.protected_ms) = (false, solo, waiting, ms))
    };
    let bad =
        |answer, check: &str| with(answer, |a| drop(a.report.checks.insert(check.into(), Verdict::bad("no answer"))));
    use Level::{Critical, Ok as Fine, Warning};
    let table: Vec<(Asked, Asked, Level, &str)> = vec![
        (Ok(active()), Ok(standby()), Fine, ""),
        // From either side it is the same.
        (Ok(with(standby(), |s| s.host = "a".into())), Ok(with(active(), |a| a.host = "b".into())), Fine, ""),
        // It serves, but not twice.
        (Ok(active()), Err("no route"), Warning, "b does not answer (last heard 12 s ago as ap standby): no route"),
        (Ok(alone()), Ok(resting("b")), Warning, "a serves alone (s) since then: because; way back"),
        (Ok(resting("a")), Ok(with(alone(), |a| a.host = "b".into())), Warning, "b serves alone"),
        (Ok(unprotected(true, 0, 0)), Ok(standby()), Warning, "a acknowledges alone"),
        (Ok(unprotected(true, 0, 0)), Ok(resting("b")), Warning, "a acknowledges alone"),
        (Ok(unprotected(false, 3, 9_999)), Ok(standby()), Warning, "3 commits wait"),
        (
            Ok(active()),
            Ok(with(standby(), |s| s.replicating = false)),
            Warning,
            "the standby b does not replicate: stopped",
        ),
        (Ok(active()), Ok(with(standby(), |s| s.protected = false)), Warning, "the standby b may not take over: so"),
        (
            Ok(active()),
            Ok(with(standby(), |s| s.vrrp = Some(Vrrp::Fault))),
            Warning,
            "the standby b would not take over: keepalived says FAULT",
        ),
        (Ok(active()), Ok(with(standby(), |s| s.report.behind = Some(61))), Warning, "the standby b is 61 s behind"),
        (Ok(active()), Ok(with(standby(), |s| s.report.started = false)), Warning, "the standby b is not started"),
        (Ok(active()), Ok(bad(standby(), "nic")), Warning, "the check nic on the standby b is bad"),
        (Ok(active()), Ok(with(standby(), |s| s.version = "2".into())), Warning, "two versions"),
        // It does not serve, or soon will not.
        (Ok(unprotected(false, 3, 10_001)), Ok(standby()), Critical, "3 commits wait on a"),
        (Ok(bad(active(), "api")), Ok(standby()), Critical, "the API on a is bad: no answer"),
        (Err("refused"), Ok(standby()), Critical, "ap-notify does not answer on a"),
        (Ok(with(standby(), |s| s.host = "a".into())), Err("no route"), Critical, "b does not answer"),
        (Ok(active()), Ok(with(active(), |a| a.host = "b".into())), Critical, "both nodes hold the VIP"),
        (Ok(resting("a")), Ok(resting("b")), Critical, "a is in m since then (somebody): because"),
        (
            Ok(with(active(), |a| (a.vip, a.report.started) = (false, false))),
            Ok(standby()),
            Critical,
            "a (ap active) is not started",
        ),
        (
            Ok(with(active(), |a| a.vip = false)),
            Ok(standby()),
            Critical,
            "a (ap active) does not hold the VIP: keepalived says MASTER",
        ),
        (
            Ok(with(active(), |a| a.writable = None)),
            Ok(standby()),
            Critical,
            "a (ap active): the database does not answer",
        ),
        (
            Ok(with(active(), |a| a.writable = Some(false))),
            Ok(standby()),
            Critical,
            "a (ap active): the database is read-only",
        ),
        (
            Ok(with(active(), |a| a.fenced = true)),
            Ok(with(standby(), |s| s.promoting = true)),
            Critical,
            "a (ap active) does not serve",
        ),
    ];
    for (a, b, level, says) in table {
        let case = format!("{a:?} {b:?}");
        let (found, text) = verdict(a, b);
        assert_eq!(found, level, "{text}: {case}");
        assert!(text.starts_with(says), "{text} is not {says}: {case}");
    }
}
