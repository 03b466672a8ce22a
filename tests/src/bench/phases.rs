//! What happened when, from the events that both nodes record.

use anyhow::{Context, Result};
use ap_core::mode::{Service, Vrrp};
use ap_core::plan::Cause;
use serde::{Deserialize, Serialize};

use crate::node::Node;

/// Milliseconds after the fault; what did not happen, or is not known, is absent.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Phases {
    /// The broken node knew of it: the first word that its `ap-notify` got.
    pub detected: Option<f64>,
    /// Its keepalived said FAULT or STOP, or was gone.
    pub lost: Option<f64>,
    /// Its database was killed.
    pub fenced: Option<f64>,
    /// The peer has the VIP: its keepalived said MASTER.
    pub master: Option<f64>,
    /// It knew that it may promote: the plan began.
    pub decided: Option<f64>,
    /// It receives nothing more from the old active.
    pub cut: Option<f64>,
    /// Everything received is applied.
    pub drained: Option<f64>,
    /// It looked once more at its lease, or the peer's word.
    pub confirmed: Option<f64>,
    /// Replication is off and forgotten.
    pub detached: Option<f64>,
    /// Clients may write.
    pub writable: Option<f64>,
    /// First acknowledged write on the peer over SQL.
    pub first_sql: Option<f64>,
    /// The same over HTTP.
    pub first_http: Option<f64>,
}

/// A phase's title and its figure.
pub type Column = (&'static str, fn(&Phases) -> Option<f64>);

/// The order in which phases are shown.
pub const COLUMNS: &[Column] = &[
    ("detected", |p| p.detected),
    ("FAULT", |p| p.lost),
    ("fenced", |p| p.fenced),
    ("MASTER", |p| p.master),
    ("decided", |p| p.decided),
    ("cut", |p| p.cut),
    ("drained", |p| p.drained),
    ("confirmed", |p| p.confirmed),
    ("detached", |p| p.detached),
    ("writable", |p| p.writable),
    ("1st SQL", |p| p.first_sql),
    ("1st HTTP", |p| p.first_http),
];

/// A line of `events.jsonl`, as far as it concerns us.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
#[derive(Default)]
struct Event {
    boot_ms: f64,
    cause: String,
    outcome: String,
    steps: Vec<Step>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Step {
    step: String,
    ms: f64,
}

impl Event {
    /// Recorded when it is done: the steps tell when it was begun.
    fn begun(&self) -> f64 {
        self.boot_ms - self.steps.iter().map(|step| step.ms).sum::<f64>()
    }

    /// When the step that matches was done.
    fn after(&self, matches: impl Fn(&str) -> bool) -> Option<f64> {
        let mut at = self.begun();
        for step in &self.steps {
            at += step.ms;
            if matches(&step.step) {
                return Some(at);
            }
        }
        None
    }
}

/// The steps at whose end a phase ends, as plans describe them.
mod ends {
    /// The database was killed.
    pub fn fence(step: &str) -> bool {
        step.starts_with("UNIT  SIGKILL to all of ")
    }

    /// Nothing more is received.
    pub fn cut(step: &str) -> bool {
        step.contains("STOP SLAVE IO_THREAD")
    }

    /// All that was received is applied.
    pub fn drain(step: &str) -> bool {
        step.contains("WAIT  until all that was received is applied")
    }

    /// The last look is over.
    pub fn confirm(step: &str) -> bool {
        step.contains(": a lease alive, or the word of ")
    }

    /// Replication is forgotten.
    pub fn detach(step: &str) -> bool {
        step.contains("RESET SLAVE ALL")
    }

    /// Clients may write.
    pub fn writable(step: &str) -> bool {
        step.contains("read_only=OFF")
    }

    /// The peer's data is here.
    pub fn copy(step: &str) -> bool {
        step.starts_with("COPY  all data of ")
    }
}

impl Phases {
    /// Fills in what the nodes recorded from `fault_ms` on. Of a node without power
    /// there is nothing: what it says when it is back is no phase of the failover.
    pub fn read(&mut self, failed: Option<&Node>, survivor: &Node, fault_ms: f64) -> Result<()> {
        if let Some(failed) = failed {
            self.broken(&events(failed, fault_ms)?, fault_ms);
        }
        self.peer(&events(survivor, fault_ms)?, fault_ms);
        Ok(())
    }

    fn broken(&mut self, events: &[Event], fault_ms: f64) {
        let since = |at: f64| at - fault_ms;
        let ends = [Cause::Vrrp(Vrrp::Fault), Cause::Vrrp(Vrrp::Stop), Cause::Gone(Service::Keepalived)];
        let ends = ends.map(|cause| cause.to_string());
        let gives_up = |event: &&Event| {
            ends.contains(&event.cause) || event.cause == format!("{} was stopped", Service::Keepalived)
        };
        let heard = || events.iter().filter(|event| event.outcome == "heard");
        self.lost = heard().find(gives_up).map(|event| since(event.boot_ms));
        let asked = events.iter().find(|event| event.cause.contains(" asks: ")).map(|event| since(event.begun()));
        let first = heard().map(|event| since(event.boot_ms)).reduce(f64::min);
        self.detected = asked.into_iter().chain(first).reduce(f64::min);
        self.fenced = events.iter().find_map(|event| event.after(ends::fence)).map(since);
    }

    fn peer(&mut self, events: &[Event], fault_ms: f64) {
        let since = |at: f64| at - fault_ms;
        let master = Cause::Vrrp(Vrrp::Master).to_string();
        let heard = |event: &&Event| event.outcome == "heard" && event.cause == master;
        self.master = events.iter().find(heard).map(|event| since(event.boot_ms));
        // Whatever made it look once more, it is the plan that ended with a writable database.
        let Some(promotion) = events.iter().find(|event| event.after(ends::writable).is_some()) else { return };
        let after = |matches: fn(&str) -> bool| promotion.after(matches).map(since);
        self.decided = Some(since(promotion.begun()));
        self.cut = after(ends::cut);
        self.drained = after(ends::drain);
        self.confirmed = after(ends::confirm);
        self.detached = after(ends::detach);
        self.writable = after(ends::writable);
    }
}

/// When a node first heard that since then, milliseconds since boot.
pub fn heard(node: &Node, cause: &Cause, since_ms: f64) -> Result<Option<f64>> {
    let cause = cause.to_string();
    let mut heard = events(node, since_ms)?.into_iter().filter(|event| event.outcome == "heard");
    Ok(heard.find(|event| event.cause == cause).map(|event| event.boot_ms))
}

/// How long a node copied its peer's data since then, in milliseconds.
pub fn copied(node: &Node, since_ms: f64) -> Result<Option<f64>> {
    let steps = events(node, since_ms)?.into_iter().flat_map(|event| event.steps);
    Ok(steps.into_iter().find(|step| ends::copy(&step.step)).map(|step| step.ms))
}

/// What a node recorded since then.
fn events(node: &Node, since_ms: f64) -> Result<Vec<Event>> {
    let text = node.run("tail -n 200 /var/lib/ap/events.jsonl")?;
    let mut events = Vec::new();
    for line in text.lines() {
        let event: Event = serde_json::from_str(line).with_context(|| format!("no event: {line}"))?;
        // Whole milliseconds: what began at once may seem to have begun before.
        if event.boot_ms >= since_ms - 1.0 {
            events.push(event);
        }
    }
    Ok(events)
}

#[cfg(test)]
mod tests {
    use ap_core::agent::Site;
    use ap_core::config;
    use ap_core::step::Step;

    use super::*;

    /// Phases vanish from the table when plans word a step anew: the words are taken
    /// from the steps themselves.
    #[test]
    fn each_phase_ends_with_one_step_as_plans_word_it() {
        let text = "vip = \"10.0.0.9\"\n[api]\nunit = \"api.service\"\n\
                    [[host]]\nname = \"a\"\naddress = \"10.0.0.1\"\nnic = \"n\"\n\
                    [[host]]\nname = \"b\"\naddress = \"10.0.0.2\"\nnic = \"n\"\n";
        let config = config::parse(text, "ap.toml").unwrap();
        let steps = [
            Step::FenceDatabase,
            Step::StopReceiving,
            Step::Drain,
            Step::Confirm,
            Step::EndReplication,
            Step::Writable,
            Step::Reseed,
            Step::SemiSync(false),
            Step::ReadOnly,
            Step::Stop(Service::Database),
            Step::AwaitStandby,
        ];
        let [own, peer] = <[_; 2]>::try_from(config.host.clone()).unwrap();
        let (replication_user, replication_password) = ("repl".to_owned(), "secret".to_owned());
        let site = Site { config, own, peer, replication_user, replication_password };
        let words = steps.map(|step| step.describe(&site).join("; "));
        let ends: [fn(&str) -> bool; 7] =
            [ends::fence, ends::cut, ends::drain, ends::confirm, ends::detach, ends::writable, ends::copy];
        for (phase, end) in ends.iter().enumerate() {
            let matching: Vec<usize> = (0..words.len()).filter(|&step| end(&words[step])).collect();
            assert_eq!(matching, [phase], "{words:#?}");
        }
    }

    #[test]
    fn steps_tell_when_a_phase_ended() {
        let line = r#"{"boot-ms":1100,"cause":"keepalived says MASTER","outcome":"done","steps":
            [{"step":"SQL   STOP SLAVE IO_THREAD","ms":20.0},{"step":"SQL   SET GLOBAL read_only=OFF","ms":30.0}]}"#;
        let heard = r#"{"boot-ms":1040,"cause":"keepalived says MASTER","outcome":"heard"}"#;
        let events: Vec<Event> = [heard, line].iter().map(|text| serde_json::from_str(text).unwrap()).collect();
        let mut phases = Phases::default();
        phases.peer(&events, 1000.0);
        assert_eq!((phases.master, phases.decided), (Some(40.0), Some(50.0)));
        assert_eq!((phases.cut, phases.drained, phases.writable), (Some(70.0), None, Some(100.0)));
    }
}
