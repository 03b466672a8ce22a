//! The grace of a unit that somebody stops on purpose: for that long a restart
//! is no failure, neither for a check nor for `ap-notify`.
//!
//! Kept in RUN/grace-SERVICE from the moment the stop begins. The file stays when
//! the unit has started again, because a server takes a moment until it answers;
//! a crash in that moment is told by systemd and needs no check.

use std::path::Path;
use std::time::Duration;

use ap_core::mode::Service;
use ap_core::verdict::Verdict;

/// A stop on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grace {
    /// The end of the grace (time since boot).
    pub until: Duration,
    /// Under way: however the unit ends, it was stopped.
    pub stopping: bool,
}

impl Grace {
    /// The last stop of a service.
    pub fn read(run: &Path, service: Service) -> Option<Self> {
        let text = std::fs::read_to_string(file(run, service)).ok()?;
        let mut words = text.split_whitespace();
        let until = Duration::from_millis(words.next()?.parse().ok()?);
        Some(Self { until, stopping: words.next() == Some("stopping") })
    }

    /// Keeps it.
    ///
    /// # Errors
    /// Whatever the file system says.
    pub fn write(self, run: &Path, service: Service) -> std::io::Result<()> {
        let word = if self.stopping { " stopping" } else { "" };
        crate::write_atomically(&file(run, service), format!("{}{word}\n", self.until.as_millis()).as_bytes(), 0o644)
    }
}

/// The verdict of a check that depends on `services`: good while one of them is
/// within its grace.
pub fn overlook(verdict: Verdict, run: &Path, services: &[Service], now: Duration) -> Verdict {
    let within = |service: &&Service| Grace::read(run, **service).is_some_and(|grace| now < grace.until);
    match services.iter().find(within) {
        Some(service) if !verdict.good => {
            Verdict::good(format!("overlooked, {service} was stopped on purpose a moment ago: {}", verdict.reason))
        }
        _ => verdict,
    }
}

fn file(run: &Path, service: Service) -> std::path::PathBuf {
    run.join(format!("grace-{service}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_verdict_is_overlooked_within_the_grace() {
        let run = std::env::temp_dir().join(format!("ap-host-grace-{}", std::process::id()));
        std::fs::create_dir_all(&run).unwrap();
        let sec = Duration::from_secs;
        let good = |now| {
            let both = [Service::Database, Service::Api];
            overlook(Verdict::bad("refused"), &run, &both, now).good
        };
        assert!(!good(sec(1)));
        for stopping in [true, false] {
            let grace = Grace { until: sec(5), stopping };
            grace.write(&run, Service::Api).unwrap();
            assert_eq!(Grace::read(&run, Service::Api), Some(grace));
        }
        assert!(good(sec(4)));
        assert!(!good(sec(5)));
        assert!(!overlook(Verdict::bad("refused"), &run, &[Service::Database], sec(4)).good);
        std::fs::remove_dir_all(&run).unwrap();
    }
}
