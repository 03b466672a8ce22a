//! Time passes by making everything known older, so that a search meets the same
//! state again however late it is. No rule lies here.

use std::time::Duration;

use super::Agent;

impl Agent {
    /// `by` passes, and it is the same moment again: every moment that is known moves
    /// back, those to come as well. An agent made older and told the same things does
    /// the same, which a test holds: a moment that is left out here shows there.
    pub fn age(&mut self, by: Duration) {
        let older = |moment: &mut Duration| *moment = moment.saturating_sub(by);
        self.known.heard.asked = self.known.heard.asked.saturating_sub(by);
        self.known.at.values_mut().for_each(older);
        self.known.looking.values_mut().for_each(older);
        self.known.units_silent.iter_mut().for_each(older);
        self.known.checks.values_mut().for_each(|(_, at)| older(at));
        self.inbox.stopped.values_mut().for_each(older);
        for question in &mut self.questions {
            older(&mut question.asked);
            older(&mut question.by);
        }
        self.active.iter_mut().for_each(|active| active.shift(by));
        self.standby.shift(by);
        self.lease_file.age(by);
        self.disk.age(by);
        older(&mut self.undo.1);
        if let Some(orders) = &mut self.orders {
            orders.age(by);
        }
        self.fence.running.iter_mut().for_each(|(_, until)| older(until));
        self.fence.ended.iter_mut().for_each(|(at, _)| older(at));
        self.looking.iter_mut().for_each(|looking| looking.age(by));
        self.run.iter_mut().for_each(|run| run.age(by));
        let due = &mut self.due;
        [&mut due.ask, &mut due.database, &mut due.gateway, &mut due.checks].into_iter().for_each(older);
        [&mut self.protected_since, &mut self.acted, &mut self.ticked].into_iter().for_each(older);
        [&mut self.reconciled, &mut self.refused, &mut self.blocked, &mut self.cut_off]
            .into_iter()
            .flatten()
            .for_each(older);
        self.failing.iter_mut().for_each(|(_, at)| older(at));
        self.published.iter_mut().for_each(|(_, at)| older(at));
    }
}
