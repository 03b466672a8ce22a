//! What happened, as it is kept in `events.jsonl`: one line of JSON each.

use serde::{Deserialize, Serialize};

/// One line of the history. Fields that a line lacks are empty, fields that are
/// not known are ignored, so that every version reads every other's history.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Event {
    /// Wall clock, for people (RFC 3339).
    pub at: String,
    /// Milliseconds since boot, for measuring.
    pub boot_ms: u64,
    /// What made the node act: `keepalived says MASTER`, `operator root asks: set m`.
    /// For an alert: its kind.
    pub cause: String,
    /// Who was behind it: `keepalived`, `systemd`, `ap-notify`, `operator root`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub who: String,
    /// What was seen when the plan was made.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub evidence: String,
    /// done, failed, refused, nothing; alert; heard: only that something came.
    pub outcome: String,
    /// In a sentence: why, and the way forward if it was refused.
    pub text: String,
    /// The plan, as far as it was carried out, with the milliseconds of each step.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<StepTime>,
}

/// How long a step took.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct StepTime {
    /// The step, as `--dry-run` prints it.
    pub step: String,
    /// Milliseconds.
    pub ms: f64,
    /// What went wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// The last event, as a node tells it to others.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Brief {
    /// Wall clock of that node, for people.
    pub at: String,
    /// What made the node act.
    pub cause: String,
    /// done, failed, refused, nothing; alert.
    pub outcome: String,
    /// In a sentence.
    pub text: String,
}

/// An answer to the peer stays short, whatever MariaDB had to say.
const LONGEST: usize = 400;

impl Event {
    /// The same, short.
    pub fn brief(&self) -> Brief {
        Brief {
            at: self.at.clone(),
            cause: self.cause.chars().take(LONGEST).collect(),
            outcome: self.outcome.clone(),
            text: self.text.chars().take(LONGEST).collect(),
        }
    }

    /// How long all steps took.
    pub fn total_ms(&self) -> f64 {
        self.steps.iter().map(|step| step.ms).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_an_older_version_is_read() {
        let line = r#"{"at":"2026-01-01T00:00:00Z","cause":"look","outcome":"done","text":"x","steps":[{"step":"a","ms":1.5}],"new":1}"#;
        let event: Event = serde_json::from_str(line).unwrap();
        assert_eq!((event.who.as_str(), event.total_ms()), ("", 1.5));
    }
}
