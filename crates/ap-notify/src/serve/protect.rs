//! Feeds the active's half of the protection, and does what it orders.

use anyhow::Result;
use ap_core::mode::{Mode, Role};
use ap_core::plan::{Cause, leave};
use ap_core::protection::{DbView, Order, View};
use ap_core::state::Intention;

use crate::node::Node;

impl Node {
    /// One look at the protection; does nothing unless this node is active in a pair.
    pub fn protect(&mut self) {
        let Some(mut active) = self.active.take() else {
            self.unprotected("");
            return;
        };
        let state = self.state();
        let leaving = state.fenced || matches!(state.intention, Some(Intention::Leave { .. }));
        if state.mode != Mode::Ap || state.role != Role::Active || leaving || !self.store.started() {
            self.active = Some(active);
            self.unprotected("not serving");
            return;
        }
        let fence_missing = self.fence_missing();
        let before = active.clone();
        let (orders, fence, heard) = {
            let mut facts = self.shared.facts();
            // Read behind the lock: whoever was held up between the clock and the
            // lock would date the last grant too early.
            let now = ap_host::boottime();
            let view = View {
                db: facts.db.as_ref().ok().filter(|db| !db.read_only).map(|db| DbView {
                    at: facts.db_seen,
                    semi_sync: db.semi_sync,
                    clients: db.semi_sync_clients,
                    waiting: db.semi_sync_waiting,
                    acknowledged: db.semi_sync_acknowledged,
                    binlog_pos: db.binlog_pos.clone(),
                }),
                asked: facts.heard.asked,
                peer: facts.heard.answer.as_ref().ok(),
                gateway: facts.gateway,
                epoch: state.epoch,
                fence_missing,
            };
            // Only silence calls for the fence, and only once nothing else is missing.
            let free = View { fence_missing: false, ..view.clone() };
            let silent = view.peer.is_none();
            let fence = fence_missing && silent && active.clone().step(now, &free).contains(&Order::Solo(true));
            let orders = active.step(now, &view);
            // A grant ends here and now, whatever the orders take; a new one begins
            // when they have been obeyed.
            if active.grant().is_none() || active.grant() != facts.grant.as_deref() {
                facts.grant = None;
            }
            (orders, fence, !silent)
        };
        self.active = Some(active);
        let mut failed = None;
        if fence {
            self.fence_start();
        } else if heard {
            self.fence_forget();
        }
        for order in orders {
            if let Err(error) = self.obey(&order) {
                failed = Some(format!("{order:?}: {error:#}"));
                break;
            }
        }
        if let Some(said) = failed {
            // Not obeyed, so not so: decided again at the next look, nothing granted.
            self.active = Some(before);
            if self.is_news(&said) {
                log::error!("{said}");
                self.events.tell("failure", &said);
            }
        }
        self.publish_protection();
    }

    fn obey(&mut self, order: &Order) -> Result<()> {
        match order {
            Order::Solo(solo) => {
                let mut state = self.state();
                state.solo = *solo;
                self.save(state)
            }
            Order::Granted(relay) => {
                let mut state = self.state();
                state.granted.clone_from(relay);
                self.save(state)
            }
            Order::SemiSync(on) => self.semi_sync(*on),
            Order::Leave(why) => {
                let plan = leave(&self.state(), why);
                self.carry_out(&Cause::Look, plan, why.clone());
                Ok(())
            }
            Order::Say(text) => {
                self.events.tell("protection", text);
                Ok(())
            }
        }
    }

    fn publish_protection(&mut self) {
        let (grant, protected, text) = match &self.active {
            Some(active) => {
                let word = if active.protected() { "PROTECTED" } else { "UNPROTECTED" };
                (active.grant().map(str::to_owned), active.protected(), format!("{word}: {}", active.why().0))
            }
            None => (None, false, String::new()),
        };
        let mut facts = self.shared.facts();
        facts.grant = grant;
        facts.see_protection(protected, text);
    }

    /// What a node that is not an active at work says: a standby is as good as its lease.
    fn unprotected(&self, why: &str) {
        let mut facts = self.shared.facts();
        facts.grant = None;
        let standby = facts.state.mode == Mode::Ap && facts.state.role == Role::Standby;
        let (protected, text) = match (standby, why) {
            (true, _) => match facts.standby.lease(ap_host::boottime(), &facts.relay) {
                Ok(()) => (true, "PROTECTED: holds a lease".into()),
                Err(evidence) => (false, format!("UNPROTECTED: {evidence}")),
            },
            (false, "") => (false, format!("UNPROTECTED: mode {}", facts.state.mode)),
            (false, why) => (false, format!("UNPROTECTED: {why}")),
        };
        facts.see_protection(protected, text);
    }
}
