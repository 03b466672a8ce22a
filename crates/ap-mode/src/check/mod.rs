//! `ap-mode check`: what would spoil the next failure.
//!
//! - `gather/`: looks at this host and its peer, fills in `Facts`, judges nothing.
//! - `facts.rs`: what was seen, plain values.
//! - one file per group: the checks of that group, their codes beside them.
//!   Pure: facts in, findings out.
//!
//! `docs/checks.md` is the table of all codes; a test keeps it up to date.

mod configuration;
pub mod database;
mod facts;
pub mod gather;
mod host;
mod keepalived;
mod keepalived_conf;
mod peer;
mod units;

use ap_core::exit::Level;
use serde::Serialize;

pub use configuration::{NEITHER, UNUSABLE};
pub use facts::Facts;

/// One check, as the table of all of them names it.
#[derive(Debug)]
pub struct Code {
    /// Stable: monitoring and documentation refer to it.
    pub code: &'static str,
    /// How bad it is.
    pub level: Level,
    /// What is wrong, in a few words.
    pub title: &'static str,
    /// Which failure it would spoil, and how.
    pub why: &'static str,
}

/// The checks of a group: a constant each, and `CODES` with all of them.
macro_rules! codes {
    ($($name:ident $code:literal $level:ident $title:literal $why:literal)+) => {
        $(pub const $name: $crate::check::Code = $crate::check::Code {
            code: $code,
            level: ap_core::exit::Level::$level,
            title: $title,
            why: $why,
        };)+
        /// All of this group.
        pub const CODES: &[&$crate::check::Code] = &[$(&$name),+];
    };
}
use codes;

/// The groups, by the names the documentation gives them.
pub const GROUPS: [(&str, &[&Code]); 6] = [
    ("Configuration", configuration::CODES),
    ("keepalived", keepalived::CODES),
    ("Database", database::CODES),
    ("Units", units::CODES),
    ("Pair", peer::CODES),
    ("Host", host::CODES),
];

/// One thing that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Finding {
    /// Which check.
    pub code: &'static str,
    /// How bad.
    pub level: Level,
    /// What is wrong, with names and numbers.
    pub text: String,
    /// Which failure it would spoil.
    pub why: &'static str,
    /// The command that mends it.
    pub mend: String,
}

/// Collects findings.
#[derive(Debug, Default)]
pub struct Findings(pub Vec<Finding>);

impl Findings {
    /// Notes that a check found something.
    pub fn add(&mut self, code: &Code, text: impl Into<String>, mend: impl Into<String>) {
        let (text, mend) = (text.into(), mend.into());
        self.0.push(Finding { code: code.code, level: code.level, text, why: code.why, mend });
    }

    /// Notes it unless all is well.
    pub fn need(&mut self, good: bool, code: &Code, text: impl Into<String>, mend: impl Into<String>) {
        if !good {
            self.add(code, text, mend);
        }
    }
}

/// Everything the checks found, the worst first, then by code.
pub fn judge(facts: &Facts) -> Vec<Finding> {
    let mut found = Findings::default();
    configuration::check(facts, &mut found);
    keepalived::check(facts, &mut found);
    database::check(facts, &mut found);
    units::check(facts, &mut found);
    peer::check(facts, &mut found);
    host::check(facts, &mut found);
    sorted(found)
}

/// The worst first, then by code.
pub fn sorted(mut found: Findings) -> Vec<Finding> {
    found.0.sort_by_key(|finding| (std::cmp::Reverse(finding.level), finding.code));
    found.0
}

#[cfg(test)]
pub mod tests;
