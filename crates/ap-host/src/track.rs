//! What the three trackers share: a deadline of their own, and how a verdict
//! is kept and told.

use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

use ap_core::exit::Exit;
use ap_core::verdict::Verdict;
use serde::{Deserialize, Serialize};

use crate::journal::{self, Priority};
use crate::{boottime, make_dir, millis, write_atomically};

/// Where verdicts are kept when there is no configuration to say so.
pub const RUN_DIR: &str = "/run/ap";

/// How long a check may take when there is no configuration to say so: less
/// than keepalived's shortest timeout, 1 s before 2.3.2.
pub const DEADLINE: Duration = Duration::from_millis(900);

/// Verdicts are no secret: `ap-mode show` works for everybody.
const RECORD_MODE: u32 = 0o644;
const DIR_MODE: u32 = 0o755;

/// The last verdict of a tracker, as kept in RUN/track/NAME (JSON).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Record {
    /// The verdict.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// When it was last found, in milliseconds since boot.
    pub at_ms: u64,
    /// Since when it is the same, in milliseconds since boot.
    pub since_ms: u64,
    /// Since when something may not go on for long, in milliseconds since boot:
    /// for `db`, the VIP held with a read-only database.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending_ms: Option<u64>,
}

/// Keeps and tells the verdicts of one tracker.
#[derive(Debug)]
pub struct Report {
    name: &'static str,
    file: PathBuf,
    last: Option<Record>,
}

impl Report {
    /// The report of tracker `name` (`nic`, `api`, `db`) under run directory `run`.
    pub fn new(name: &'static str, run: &Path) -> Self {
        let file = run.join("track").join(name);
        // A record that cannot be read is as good as none: the next one replaces it.
        let last = std::fs::read(&file).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        Self { name, file, last }
    }

    /// Since when the last run saw something that may not go on for long.
    pub fn pending(&self) -> Option<Duration> {
        self.last.as_ref().and_then(|last| last.pending_ms).map(Duration::from_millis)
    }

    /// Keeps the verdict, tells the journal when it is another one than before,
    /// prints it, and says how the program ends.
    ///
    /// That it could not be kept does not make a good node bad; it is printed.
    pub fn publish(&self, verdict: &Verdict, pending: Option<Duration>) -> Exit {
        use std::io::Write;
        let word = if verdict.good { "good" } else { "bad" };
        let line = format!("{word}: {}", verdict.reason);
        // Under keepalived both are /dev/null; a closed pipe is no reason to panic.
        let _ = writeln!(std::io::stdout(), "{line}");
        let changed = self.changed(verdict);
        let kept = self.keep(verdict, changed, pending);
        if let Err(error) = &kept {
            let _ = writeln!(std::io::stderr(), "failed to write {}: {error}", self.file.display());
        }
        // Without a record each run would look like a change: then only bad news.
        if changed && (kept.is_ok() || !verdict.good) {
            let priority = if verdict.good { Priority::Notice } else { Priority::Warning };
            let _ = journal::log(&format!("ap-track-{}", self.name), priority, &line);
        }
        if verdict.good { Exit::Ok } else { Exit::Refused }
    }

    /// Whether this is news: another verdict, or bad for another reason.
    fn changed(&self, verdict: &Verdict) -> bool {
        self.last.as_ref().is_none_or(|last| {
            last.verdict.good != verdict.good || (!verdict.good && last.verdict.reason != verdict.reason)
        })
    }

    fn keep(&self, verdict: &Verdict, changed: bool, pending: Option<Duration>) -> std::io::Result<()> {
        let at_ms = millis(boottime());
        let since_ms = match &self.last {
            Some(last) if !changed => last.since_ms,
            _ => at_ms,
        };
        let record = Record { verdict: verdict.clone(), at_ms, since_ms, pending_ms: pending.map(millis) };
        if let Some(dir) = self.file.parent() {
            make_dir(dir, DIR_MODE)?;
        }
        let mut json = serde_json::to_vec(&record)?;
        json.push(b'\n');
        write_atomically(&self.file, &json, RECORD_MODE)
    }
}

/// Ends a tracker that cannot even begin: wrong command line, wrong configuration.
/// Told like a bad verdict, because under keepalived nobody reads standard error.
pub fn refuse(name: &'static str, exit: Exit, reason: impl std::fmt::Display) -> Exit {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "error: {reason}");
    let verdict = Verdict::bad(reason.to_string());
    let run = Path::new(RUN_DIR);
    if run.is_dir() {
        Report::new(name, run).publish(&verdict, None);
    } else {
        let _ = journal::log(&format!("ap-track-{name}"), Priority::Error, &format!("bad: {}", verdict.reason));
    }
    exit
}

/// Runs `check` and gives up on it after `deadline`, whatever it hangs in. Its
/// thread is left behind: the program ends next.
pub fn within<T: Send + 'static>(deadline: Duration, check: impl FnOnce() -> T + Send + 'static) -> Result<T, Verdict> {
    let (send, receive) = mpsc::sync_channel(1);
    let spawned = std::thread::Builder::new().spawn(move || {
        // Nobody listens any more after the deadline.
        let _ = send.send(check());
    });
    if let Err(error) = spawned {
        return Err(Verdict::bad(format!("no thread for the check: {error}")));
    }
    receive.recv_timeout(deadline).map_err(|error| match error {
        mpsc::RecvTimeoutError::Timeout => Verdict::bad(format!("no result within {} ms", deadline.as_millis())),
        mpsc::RecvTimeoutError::Disconnected => Verdict::bad("the check broke off"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn news_is_another_verdict_or_another_reason_for_bad() {
        let (good, bad) = (Verdict::good, Verdict::bad);
        let table = [
            (None, good("a"), true),
            (Some(good("a")), good("b"), false),
            (Some(good("a")), bad("a"), true),
            (Some(bad("a")), bad("a"), false),
            (Some(bad("a")), bad("b"), true),
            (Some(bad("a")), good("a"), true),
        ];
        for (last, now, expected) in table {
            let last = last.map(|verdict| Record { verdict, at_ms: 0, since_ms: 0, pending_ms: None });
            let report = Report { name: "nic", file: "/nonexistent".into(), last: last.clone() };
            assert_eq!(report.changed(&now), expected, "{last:?} -> {now:?}");
        }
    }

    #[test]
    fn a_record_outlives_its_process() {
        let run = std::env::temp_dir().join(format!("ap-host-track-{}", std::process::id()));
        let verdict = Verdict::bad("read-only");
        let since = Some(Duration::from_millis(7));
        assert_eq!(Report::new("db", &run).publish(&verdict, since), Exit::Refused);
        let report = Report::new("db", &run);
        assert_eq!(report.pending(), since);
        let first = report.last.clone().unwrap();
        assert_eq!(first.verdict, verdict);
        report.publish(&verdict, None);
        let second = Report::new("db", &run).last.unwrap();
        assert_eq!((second.since_ms, second.pending_ms), (first.since_ms, None));
        assert_eq!(report.publish(&Verdict::good("writable"), None), Exit::Ok);
        std::fs::remove_dir_all(&run).unwrap();
    }

    #[test]
    fn a_check_that_hangs_is_given_up() {
        assert_eq!(within(Duration::from_secs(5), || 7), Ok(7));
        let hangs = within(Duration::from_millis(10), || std::thread::sleep(Duration::from_secs(60)));
        assert_eq!(hangs, Err(Verdict::bad("no result within 10 ms")));
    }
}
