//! What a scenario is.

use std::time::Duration;

use anyhow::Result;

use crate::options::Options;
use crate::pair::Pair;
use crate::product::PAIR;

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

/// What a scenario begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Begin {
    /// Two nodes just booted from the snapshot, nothing started. The pair is
    /// thrown away afterwards.
    Booted,
    /// A running pair, `(ap, ap)` and protected, with either role on either node;
    /// one that leaves it so hands it on to the next.
    Protected,
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
    /// Whether it runs on every supported release of Debian; see `matrix.rs`.
    pub matrix: bool,
    /// Hard limit for the whole of it, boot included.
    pub timeout: Duration,
    /// What is on the nodes' disks.
    pub setup: &'static Setup,
    /// What it begins with.
    pub begin: Begin,
    /// Breaks something and checks; an error is a failure.
    pub run: fn(&Pair) -> Result<Counts>,
}

impl Scenario {
    /// Whether any of the words is part of its name or is its fault. No words match all.
    pub fn matches(&self, words: &[String]) -> bool {
        words.is_empty() || words.iter().any(|word| self.name.contains(word.as_str()) || self.fault == word)
    }
}

/// A scenario on the usual pair, running and protected, that leaves it so.
pub const fn protected(fault: &'static str, name: &'static str, run: fn(&Pair) -> Result<Counts>) -> Scenario {
    Scenario { begin: Begin::Protected, ..booted(fault, name, run) }
}

/// A scenario on the usual pair, just booted and at rest.
pub const fn booted(fault: &'static str, name: &'static str, run: fn(&Pair) -> Result<Counts>) -> Scenario {
    Scenario {
        name,
        fault,
        default: true,
        matrix: false,
        timeout: Duration::from_secs(180),
        setup: &PAIR,
        begin: Begin::Booted,
        run,
    }
}

impl Scenario {
    /// Only with `--full`, or when named.
    #[must_use]
    pub const fn long(self) -> Self {
        Self { default: false, ..self }
    }

    /// Also on every supported release of Debian.
    #[must_use]
    pub const fn matrix(self) -> Self {
        Self { matrix: true, ..self }
    }

    /// With another limit for the whole of it.
    #[must_use]
    pub const fn within(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }
}
