//! The operator: looks at `ap-mode status`, types what it names, and what a refusal
//! names. Nothing else is known to somebody who was woken at night.

use std::collections::BTreeSet;
use std::time::Duration;

use ap_core::answer::Answer;
use ap_core::message::{Reply, Verb};
use ap_core::mode::Mode;
use ap_core::status::{Finding, Sight, judge};

use crate::advice::{Where, advice};
use crate::world::{Due, World};

/// A request that is not answered by then was lost.
const PATIENCE: Duration = Duration::from_secs(100);
/// Writes wait for no longer than this without a message that says what to type: a lease
/// and its margin, a takeover, and what `ap-mode status` gives a change before it calls
/// it an outage.
const STALL: Duration = Duration::from_secs(15);

/// What the operator has typed and read.
#[derive(Debug, Clone, Default)]
pub struct Operator {
    /// Commands so far.
    pub asked: u32,
    /// What is waited for: where, which, what, since when.
    waits: Option<(usize, String, Verb, Duration)>,
    /// What was typed last, where, and how that was refused.
    refused: Option<(usize, Verb, String)>,
    /// What was refused since something was last obeyed.
    vain: BTreeSet<(usize, String)>,
    /// What was refused and may be forced.
    forcible: Option<(usize, Verb)>,
    /// The faults are over: it looks each second.
    pub hurries: bool,
}

impl Operator {
    /// `ap-notify` of this host was killed: nobody answers any more.
    pub fn gone(&mut self, n: usize) {
        self.waits.take_if(|(at, ..)| *at == n);
    }
}

/// `ap-mode set MODE`.
pub fn set(mode: Mode) -> Verb {
    Verb::Set { mode, role: None, reseed: false }
}

impl World {
    /// Somebody is told what came of a request.
    pub fn replied(&mut self, n: usize, id: &str, reply: &Reply) {
        let Reply::Done { exit, text } = reply else { return };
        self.tell(n, || format!("answers {exit}: {text}"));
        self.disturbed = self.now;
        self.nodes[n].handing_over.take_if(|of| of == id);
        let operator = &mut self.operator;
        let Some((_, _, verb, _)) = operator.waits.take_if(|(at, of, ..)| *at == n && of == id) else { return };
        if *exit == 0 {
            operator.vain.clear();
            operator.forcible = None;
        } else {
            operator.vain.insert((n, verb.to_string()));
            operator.refused = Some((n, verb, text.clone()));
        }
    }

    /// The operator looks at both hosts, and types what is named.
    pub fn operator_looks(&mut self) {
        let after = if self.operator.hurries { Duration::from_secs(1) } else { self.between(2000, 15_000) };
        self.outside(after, Due::Operator);
        let now = self.now;
        self.operator.waits.take_if(|(.., since)| now.saturating_sub(*since) >= PATIENCE);
        if self.operator.waits.is_some() {
            return;
        }
        self.is_told_what_to_do();
        let Some((host, verb, force)) = self.next_command() else { return };
        self.figures.commands += 1;
        let id = self.command(host, "operator root", verb.clone(), force);
        self.operator.waits = Some((host, id, verb, now));
    }

    /// What `ap-mode status` says on a host that answers.
    fn status(&self, n: usize) -> Option<Vec<Finding>> {
        let sight = |of: usize| Sight {
            host: self.nodes[of].site.own.name.clone(),
            here: of == n,
            now: self.answer_of(of).filter(|_| of == n || self.connects(n)).cloned().ok_or_else(|| "silent".into()),
            last: None,
        };
        let (own, peer) = (sight(n), sight(1 - n));
        own.now.is_ok().then(|| judge(self.nodes[n].site.config.vip, &own, &peer).2)
    }

    fn answer_of(&self, n: usize) -> Option<&Answer> {
        self.nodes[n].published.as_ref().filter(|_| self.nodes[n].listens())
    }

    /// Something is being done.
    fn is_changing(&self) -> bool {
        [0, 1].into_iter().any(|n| self.answer_of(n).is_some_and(|told| told.promoting || !told.doing.is_empty()))
    }

    /// G4: writes that wait for longer than is documented, while nothing is broken any more or
    /// while a host has the clients, have a message that names what to type.
    fn is_told_what_to_do(&mut self) {
        // The pair has had that time, since whatever happened last, to help itself.
        let since = self.ledger.last.max(self.disturbed);
        let stalled = self.now.saturating_sub(since) > STALL && !self.quiet;
        let undisturbed = self.in_force == 0;
        let stuck = |told: &Answer| told.serves() && told.vip && told.report.protected_ms > STALL.as_millis() as u64;
        let waits = |told: &Answer| told.report.waiting > 0 && stuck(told);
        let served = [0, 1].into_iter().any(|n| self.answer_of(n).is_some_and(waits));
        if !stalled || !(undisturbed || served) || self.is_changing() {
            return;
        }
        let Some(findings) = [0, 1].into_iter().find_map(|n| self.status(n)) else { return };
        if findings.iter().all(|finding| advice(&finding.text).is_empty()) {
            let said: Vec<&str> = findings.iter().map(|finding| finding.text.as_str()).collect();
            self.breaks("G4", format!("writes wait, and no message names what to type: {}", said.join("; ")));
        }
    }

    /// What the last refusal names comes first, then what `ap-mode status` names, but for
    /// what was in vain; then `--force`, if that was named.
    fn next_command(&mut self) -> Option<(usize, Verb, bool)> {
        if self.is_changing() {
            return None;
        }
        let named = self.operator.refused.take().into_iter().flat_map(|(n, verb, text)| {
            if text.contains("--force") {
                self.operator.forcible = Some((n, verb));
            }
            let host = move |at| if at == Where::Here { n } else { 1 - n };
            advice(&text).into_iter().map(move |it| (host(it.at), it.verb))
        });
        let named: Vec<(usize, Verb)> = named.collect();
        let findings = [0, 1].into_iter().find_map(|n| self.status(n))?;
        let found = findings.iter().flat_map(|finding| self.named(&finding.text));
        let mut all = named.into_iter().chain(found);
        let vain = &self.operator.vain;
        let new =
            |(host, verb): &(usize, Verb)| self.can_be_typed(*host, verb) && !vain.contains(&(*host, verb.to_string()));
        if let Some((host, verb)) = all.find(new) {
            return Some((host, verb, false));
        }
        self.operator.vain.clear();
        let (n, verb) = self.operator.forcible.take()?;
        let served = [0, 1].into_iter().any(|n| self.answer_of(n).is_some_and(|told| told.serves() && told.vip));
        (!served && self.may_be_forced(n)).then_some((n, verb, true))
    }

    /// What a finding names. "It" is the host that it is about.
    fn named(&self, text: &str) -> Vec<(usize, Verb)> {
        let first = |n: usize| text.find(self.nodes[n].site.own.name.as_str()).unwrap_or(usize::MAX);
        let it = usize::from(first(1) < first(0));
        let host = |at| if at == Where::Other { 1 - it } else { it };
        advice(text).into_iter().map(|named| (host(named.at), named.verb)).collect()
    }

    /// Whoever types `--force` on a host has looked at the other one, which answers, or
    /// knows that this was the last to serve.
    pub fn may_be_forced(&self, n: usize) -> bool {
        self.ledger.last_host == n || self.answer_of(1 - n).is_some() && self.connects(n)
    }

    /// Whether somebody who looks would type it there: it answers, and is not that already.
    fn can_be_typed(&self, host: usize, verb: &Verb) -> bool {
        self.answer_of(host).is_some_and(|told| match verb {
            Verb::Set { mode, .. } => told.mode != *mode,
            _ => true,
        })
    }
}
