//! What a scenario is.

use std::time::Duration;

use anyhow::Result;

use crate::options::Options;
use crate::pair::Pair;

/// What a scenario counted.
#[derive(Debug, Clone, Default)]
pub struct Counts {
    /// Writes that clients were told are done.
    pub acknowledged: usize,
    /// Those of them that the survivor does not have.
    pub missing: usize,
    /// Longest time without an acknowledged write.
    pub outage: Option<Duration>,
    /// Anything else worth a word in the table.
    pub note: String,
}

/// How the pair is set up before the fault; done once, then booted from a snapshot.
#[derive(Clone, Copy)]
pub struct Setup {
    /// Its name; setups of the same name are taken to be the same.
    pub name: &'static str,
    /// Addresses and interface names.
    pub options: fn() -> Options,
    /// Installs and configures; runs on two fresh nodes.
    pub install: fn(&Pair) -> Result<()>,
}

/// One fault and what must happen.
#[derive(Clone, Copy)]
pub struct Scenario {
    /// Unique name, in kebab case.
    pub name: &'static str,
    /// Number of the fault in section 7 of the design.
    pub fault: &'static str,
    /// Whether it runs without `--full`.
    pub default: bool,
    /// Hard limit for the whole of it, boot included.
    pub timeout: Duration,
    /// What it starts from.
    pub setup: &'static Setup,
    /// Breaks something and checks; an error is a failure.
    pub run: fn(&Pair) -> Result<Counts>,
}

impl Scenario {
    /// Whether any of the words is part of its name or is its fault. No words match all.
    pub fn matches(&self, words: &[String]) -> bool {
        words.is_empty() || words.iter().any(|word| self.name.contains(word.as_str()) || self.fault == word)
    }
}
