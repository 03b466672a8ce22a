//! What the model found, as single steps; what holds in all orders is its business.

use std::time::Duration;

use super::{Active, DbView, Order, Standby, Timing, View};
use crate::answer::{Answer, Report};
use crate::gtid::{GtidPos, GtidState};
use crate::mode::{Mode, Role};
use crate::observed::Gateway;

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn timing() -> Timing {
    Timing { lease: secs(3), gap: secs(1), takeover: Duration::from_millis(300), stall: Duration::from_millis(500) }
}

/// A standby of the active tested, well and without a lease.
fn standby() -> Answer {
    Answer {
        host: "node2".into(),
        codename: String::new(),
        version: String::new(),
        mode: Mode::Ap,
        role: Role::Standby,
        epoch: 1,
        solo: false,
        fenced: false,
        switchover: false,
        promoting: false,
        grant: None,
        lease: false,
        relay: "r1".into(),
        vrrp: None,
        vip: false,
        gateway: Gateway::Answers,
        writable: Some(false),
        db_version: String::new(),
        binlog_pos: GtidPos::default(),
        slave_pos: GtidPos::default(),
        io_pos: GtidPos::default(),
        binlog_state: GtidState::default(),
        user_tables: 0,
        replicating: true,
        doing: String::new(),
        since: String::new(),
        who: String::new(),
        why: String::new(),
        protected: false,
        protection: String::new(),
        report: Report::default(),
    }
}

/// An active of epoch 1 that was started a second ago, and hears this.
fn heard(answer: &Answer) -> Vec<Order> {
    let mut active = Active::new(timing(), secs(10), false);
    let db = DbView {
        at: secs(11),
        semi_sync: true,
        clients: 0,
        waiting: 1,
        acknowledged: 0,
        binlog_pos: GtidPos::default(),
    };
    let view = View {
        db: Some(db),
        asked: Duration::from_millis(10_500),
        peer: Some(answer),
        gateway: Gateway::Answers,
        epoch: 1,
        fence_missing: false,
    };
    active.step(secs(11), &view)
}

#[test]
fn an_active_goes_on_alone_on_its_standbys_promise() {
    assert!(heard(&standby()).contains(&Order::Solo(true)));
    assert!(!heard(&Answer { lease: true, ..standby() }).contains(&Order::Solo(true)));
    assert!(!heard(&Answer { promoting: true, ..standby() }).contains(&Order::Solo(true)));
}

#[test]
fn a_higher_epoch_is_left_to_whatever_its_node_does_now() {
    for (mode, role) in [(Mode::S, Role::Active), (Mode::M, Role::Active), (Mode::M, Role::Standby)] {
        let orders = heard(&Answer { mode, role, epoch: 2, ..standby() });
        assert!(matches!(orders.as_slice(), [Order::Leave(_)]), "{mode} {role}: {orders:?}");
    }
}

#[test]
fn a_word_is_no_lease_once_its_active_was_asked_in_vain() {
    let mut held = Standby::new(timing());
    let word = Answer { mode: Mode::M, role: Role::Active, fenced: true, grant: Some("r1".into()), ..standby() };
    held.asking(secs(10), "r1");
    held.answered(&word, "r1");
    assert_eq!(held.lease(secs(20), "r1"), Ok(()));
    held.word(None, "r1");
    assert!(held.begin(secs(20), "r1").is_err());
    held.word(Some(&word), "r1");
    assert_eq!(held.begin(secs(20), "r1"), Ok(()));
    let serves = Answer { mode: Mode::S, fenced: false, grant: None, ..word };
    held.word(Some(&serves), "r1");
    assert!(held.begin(secs(20), "r1").is_err());
}

#[test]
fn no_promotion_to_the_epoch_of_the_active_itself() {
    let active = Answer { role: Role::Active, epoch: 2, grant: Some("r1".into()), ..standby() };
    let mut held = Standby::new(timing());
    held.asking(secs(10), "r1");
    held.answered(&active, "r1");
    assert_eq!(held.begin(secs(11), "r1"), Ok(()));
    assert!(held.confirm(secs(11), "r1", 1, None, Gateway::Answers).is_err());
    assert_eq!(held.confirm(secs(11), "r1", 2, None, Gateway::Answers), Ok(()));
}

#[test]
fn a_question_without_a_relay_log_is_no_claim() {
    let mut held = Standby::new(timing());
    held.asking(secs(10), "r1");
    assert!(held.claims(secs(10)));
    held.void("the relay log was lost");
    held.asking(secs(11), "");
    assert!(!held.claims(secs(11)));
    // And no lease, though the same log should show again before the answer comes.
    held.answered(&Answer { role: Role::Active, grant: Some("r1".into()), ..standby() }, "r1");
    assert!(!held.claims(secs(11)));
}
