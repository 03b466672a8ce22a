//! What no effect may ever do, and no answer ever say.

use std::time::Duration;

use ap_core::agent::{Act, Effect};
use ap_core::answer::Answer;
use ap_core::mode::{Mode, Role, Vrrp};
use ap_core::sql::Sql;
use ap_core::state::{Intention, State};

use crate::peer::stands_by;
use crate::world::{MOMENT, World};

/// A line of the FIFO and a look are on their way for this long.
const NEWS: u32 = 20;
/// The database is looked at this often.
const LOOK: Duration = Duration::from_millis(100);

impl World {
    /// The order within a batch: faults, promises, keepalived's state, and what is for
    /// people after all of it.
    pub fn rule_of_batches(&self, effects: &[Effect]) {
        let people = |it: &Effect| {
            matches!(
                it,
                Effect::Record(_) | Effect::Log(_) | Effect::Warn(_) | Effect::Reply { .. } | Effect::Alert { .. }
            )
        };
        let urgent = |it: &Effect| matches!(it, Effect::Publish(_) | Effect::Act { act: Act::Fault(..), .. });
        let mut told = false;
        for (place, effect) in effects.iter().enumerate() {
            told |= people(effect);
            assert!(!(told && urgent(effect)), "something for people comes before {effect:?}: {effects:?}");
            let before = &effects[..place];
            let late = |ok: fn(&Effect) -> bool| !before.iter().all(ok);
            match effect {
                Effect::Act { act: Act::Fault(_, true), .. } => {
                    assert!(!late(is_fault), "a fault waits for something: {effects:?}");
                }
                Effect::Publish(_) => assert!(!late(is_fault), "a promise comes late: {effects:?}"),
                Effect::KeepVrrp(_) => {
                    let acted = before.iter().any(|it| matches!(it, Effect::Act { .. } if !is_fault(it)));
                    let begun = before.iter().any(|it| matches!(it, Effect::Begin(_)));
                    assert!(!acted && !begun, "keepalived's word is kept after it was acted on: {effects:?}");
                }
                _ => {}
            }
        }
    }

    /// What the peer is told never promises more than the agent would say now.
    pub fn rule_of_promises(&self, answer: &Answer) {
        let Some(told) = &self.told else { return };
        let what = |it: &Answer| (it.mode, it.role, it.epoch, it.solo, it.fenced, it.promoting);
        assert_eq!(what(told), what(answer), "the peer is told something else than what is so");
        assert!(told.grant.is_none() || told.grant == answer.grant, "a grant that ended is still told");
        assert!(told.lease || !answer.lease, "a lease is denied that may come to be");
    }

    /// What is promised is on disk, or off it.
    pub fn rule_of_answers(&self, answer: &Answer) {
        let s = &self.state;
        if !answer.lease {
            let alive = self.lease.as_ref().is_some_and(|(until, _)| *until > self.now);
            assert!(!alive, "a lease is denied that a restart would bring back: {:?} at {:?}", self.lease, self.now);
        }
        if answer.fenced {
            assert!(s.fenced, "the word was given before it was on disk");
        } else if answer.grant.is_some() {
            assert_eq!(answer.grant, s.granted, "a grant is told before it was on disk");
        }
    }

    /// What may be written into `state.toml` after what stands there.
    pub fn rule_of_states(&self, after: &State) {
        let before = &self.state;
        assert!(after.epoch >= before.epoch, "the epoch went from {} to {}", before.epoch, after.epoch);
        let again = after.serves() && !before.serves() && after.epoch == before.epoch;
        assert!(!again, "serves again under its old epoch {}", after.epoch);
        let active = |it: &State| it.mode == Mode::Ap && it.role == Role::Active;
        let taken_back = active(before) && before.fenced && active(after) && !after.fenced;
        assert!(!taken_back, "a word given was taken back");
        if matches!(before.intention, Some(Intention::Leave { .. })) {
            match &after.intention {
                Some(Intention::Leave { .. }) => {}
                Some(other) => panic!("a leaving was replaced by {other}"),
                None => assert_eq!(after.mode, Mode::M, "a leaving ended before m"),
            }
            let entered = (before.mode, after.mode);
            assert!(entered.0 == entered.1 || after.mode == Mode::M, "a leaving became {}", after.mode);
        }
        if after.fenced && !before.fenced {
            assert!(!self.db.writable(), "the word of a node that may still acknowledge");
        }
        if after.granted.is_some() && after.granted != before.granted {
            // One look at the database later it shows.
            let lately = self.now < self.by_hand + 2 * LOOK;
            assert!(self.db.semi_sync || lately, "G1: granted while this node acknowledges alone");
        }
        let promotes = |it: &State| matches!(it.intention, Some(Intention::Promote { .. }));
        if promotes(after) && !promotes(before) {
            assert!(self.told.as_ref().is_some_and(|told| told.promoting), "a promotion is begun that was not claimed");
        }
        self.rule_of_serving(before, after);
    }

    fn rule_of_serving(&self, before: &State, after: &State) {
        let standby = before.mode == Mode::Ap && before.role == Role::Standby;
        if standby && after.serves() && !self.around().may_lose {
            let drained = !self.db.sql() || self.db.drained();
            assert!(drained, "G2: serves with a relay log that is not drained");
        }
        let alone = before.mode == Mode::Ap && before.role == Role::Active && !before.solo && after.solo;
        // A peer that is no standby, and says so, has no lease.
        let may_hold = self.peer.as_ref().is_none_or(stands_by);
        if alone && may_hold {
            assert!(self.now >= self.lease_end(), "G1: goes on alone while a lease may be alive");
        }
    }

    /// What may be switched when.
    pub fn rule_of_statements(&self, sql: &Sql) {
        let s = &self.state;
        let pair = s.mode == Mode::Ap && !s.solo;
        match sql.text() {
            "SET GLOBAL read_only=OFF" => {
                assert!(self.started && s.serves() && !s.fenced, "writable without the right");
                assert_eq!(self.word, Some(Vrrp::Master), "writable without being MASTER");
                assert_eq!(self.db.semi_sync, pair, "G1: acknowledges alone by accident, or stalls alone");
            }
            "SET GLOBAL rpl_semi_sync_master_enabled=OFF" if self.db.writable() && s.role == Role::Active => {
                assert!(!pair, "G1: acknowledges alone before that was written down");
            }
            _ => {}
        }
    }

    /// Nobody takes a VIP away again that no keepalived looks after.
    pub fn rule_of_the_vip(&self, on: bool) {
        let lately = self.now < self.keepalived_ended + NEWS * MOMENT;
        let looked_after = self.word == Some(Vrrp::Master) && (self.keepalived || lately);
        assert!(!on || looked_after, "the VIP of a dead keepalived");
    }
}

/// Has keepalived give the VIP away.
fn is_fault(effect: &Effect) -> bool {
    matches!(effect, Effect::Act { act: Act::Fault(_, true), .. })
}
