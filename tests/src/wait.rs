//! Waits for a condition, with a deadline, and says what it saw last.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

const POLL: Duration = Duration::from_millis(20);

/// What one look at a condition found.
pub enum Seen<T> {
    /// The condition holds.
    Done(T),
    /// Not yet; this is what there is instead.
    Not(String),
}

/// Looks until `look` answers `Done`; an error counts as "not yet". After
/// `deadline` fails with what was seen last. Returns the value and the time it took.
pub fn wait_for<T>(what: &str, deadline: Duration, mut look: impl FnMut() -> Result<Seen<T>>) -> Result<(T, Duration)> {
    let started = Instant::now();
    loop {
        let last = match look() {
            Ok(Seen::Done(value)) => return Ok((value, started.elapsed())),
            Ok(Seen::Not(last)) => last,
            Err(error) => format!("{error:#}"),
        };
        if started.elapsed() >= deadline {
            bail!("waited {deadline:?} in vain for {what}; last seen: {last}");
        }
        std::thread::sleep(POLL);
    }
}

/// `Done` when `actual` is `expected`.
pub fn equals<T: PartialEq + std::fmt::Debug>(actual: T, expected: &T) -> Seen<()> {
    if actual == *expected { Seen::Done(()) } else { Seen::Not(format!("{actual:?}")) }
}

/// `Done` when `holds`.
pub fn holds(holds: bool) -> Seen<()> {
    equals(holds, &true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_what_it_saw_last() {
        let mut n = 0;
        let error = wait_for("the third", Duration::from_millis(50), || {
            n += 1;
            Ok(equals(n.min(2), &3))
        })
        .unwrap_err();
        assert!(error.to_string().ends_with("last seen: 2"), "{error}");
    }
}
