//! What a tracker found: good or bad, and why.

use serde::{Deserialize, Serialize};

/// The outcome of one check. Kept under the run directory for `ap-mode`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Verdict {
    /// Whether keepalived may count this node as fit.
    pub good: bool,
    /// What was seen, in a sentence for the operator.
    pub reason: String,
}

impl Verdict {
    /// A good verdict.
    pub fn good(reason: impl Into<String>) -> Self {
        Self { good: true, reason: reason.into() }
    }

    /// A bad verdict.
    pub fn bad(reason: impl Into<String>) -> Self {
        Self { good: false, reason: reason.into() }
    }
}
