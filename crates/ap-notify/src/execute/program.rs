//! Other programs, run to their end or to a deadline.

use std::io::Write;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// Pause between two looks.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// Runs a program with `input` on standard input and returns what it printed, which
/// must fit into a pipe.
///
/// # Errors
/// It cannot be started, fails, or does not end in time.
pub fn run(mut command: Command, input: &[u8], deadline: Duration) -> Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("failed to run {name}"))?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(input).with_context(|| format!("failed to write to {name}"))?;
    }
    let output = end(child, &name, deadline)?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Waits for the end of a program, and kills it at the deadline.
///
/// # Errors
/// It fails, or does not end in time.
pub fn end(mut child: Child, name: &str, deadline: Duration) -> Result<Output> {
    let until = Instant::now() + deadline;
    while child.try_wait()?.is_none() {
        if Instant::now() >= until {
            let _ = child.kill();
            let _ = child.wait();
            bail!("{name} did not end within {} s", deadline.as_secs());
        }
        crate::serve::alive();
        std::thread::sleep(LOOK_AGAIN);
    }
    let output = child.wait_with_output()?;
    if !output.status.success() {
        bail!("{name}: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(output)
}
