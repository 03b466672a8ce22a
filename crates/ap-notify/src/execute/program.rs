//! Other programs that may take longer than systemd's watchdog allows: it is told
//! that the executor runs while they do.

use std::process::{Child, Command, Output};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use ap_host::process;

/// Pause between two looks.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// As [`process::run`].
///
/// # Errors
/// As [`process::run`].
pub fn run(command: Command, input: &[u8], deadline: Duration) -> Result<String> {
    alive_during(deadline, || process::run(command, input, deadline))
}

/// As [`process::end`].
///
/// # Errors
/// As [`process::end`].
pub fn end(child: Child, name: &str, deadline: Duration) -> Result<Output> {
    alive_during(deadline, || process::end(child, name, deadline))
}

/// Tells the watchdog until `work` is done, but no longer than `deadline`: work that
/// hangs beyond it is for the watchdog to end.
fn alive_during<T: Send>(deadline: Duration, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    let until = Instant::now() + deadline;
    thread::scope(|scope| {
        let worker = thread::Builder::new().spawn_scoped(scope, work).context("failed to start a thread")?;
        while !worker.is_finished() && Instant::now() < until {
            crate::serve::alive();
            thread::sleep(LOOK_AGAIN);
        }
        worker.join().map_err(|_| anyhow!("a program was not waited for"))?
    })
}
