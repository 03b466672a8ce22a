//! What happened when, from the events that both nodes record.

use anyhow::{Context, Result};
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

impl Phases {
    /// Fills in what the nodes recorded from `fault_ms` on.
    pub fn read(&mut self, failed: &Node, survivor: &Node, fault_ms: f64) -> Result<()> {
        let broken = events(failed, fault_ms)?;
        self.broken(&broken, fault_ms);
        self.peer(&events(survivor, fault_ms)?, fault_ms);
        Ok(())
    }

    fn broken(&mut self, events: &[Event], fault_ms: f64) {
        let since = |at: f64| at - fault_ms;
        let gives_up = |event: &&Event| {
            ["says FAULT", "says STOP", "keepalived is gone", "keepalived was stopped"]
                .iter()
                .any(|word| event.cause.ends_with(word))
        };
        let heard = || events.iter().filter(|event| event.outcome == "heard");
        self.lost = heard().find(gives_up).map(|event| since(event.boot_ms));
        let asked = events.iter().find(|event| event.cause.contains(" asks: ")).map(|event| since(event.begun()));
        let first = heard().map(|event| since(event.boot_ms)).reduce(f64::min);
        self.detected = asked.into_iter().chain(first).reduce(f64::min);
        self.fenced = events.iter().find_map(|event| event.after(|step| step.starts_with("UNIT  KillUnit"))).map(since);
    }

    fn peer(&mut self, events: &[Event], fault_ms: f64) {
        let since = |at: f64| at - fault_ms;
        let master = |event: &&Event| event.cause == "keepalived says MASTER";
        self.master =
            events.iter().filter(master).find(|event| event.outcome == "heard").map(|event| since(event.boot_ms));
        let Some(promotion) = events.iter().filter(master).find(|event| event.outcome == "done") else { return };
        let after = |matches: fn(&str) -> bool| promotion.after(matches).map(since);
        self.decided = Some(since(promotion.begun()));
        self.cut = after(|step| step.contains("STOP SLAVE IO_THREAD"));
        self.drained = after(|step| step.starts_with("WAIT  until all that was received"));
        self.writable = after(|step| step.contains("read_only=OFF"));
    }
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
    use super::*;

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
