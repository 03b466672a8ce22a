//! Other programs, run to their end or to a deadline.

use std::io::Write;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
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

/// Waits for the end of a program, and kills it at the deadline. The error of one
/// that fails is what it printed to standard error, if that is a pipe.
///
/// # Errors
/// It fails, or does not end in time.
pub fn end(mut child: Child, name: &str, deadline: Duration) -> Result<Output> {
    if wait(&mut child, deadline)?.is_none() {
        bail!("{name} did not end within {} s", deadline.as_secs());
    }
    let output = child.wait_with_output()?;
    if !output.status.success() {
        bail!("{name}: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(output)
}

/// Runs an operator's command with `input` on standard input, for its success only.
/// Its output is dropped, its standard error is ours. It need not read: the deadline
/// begins once `input` is written, which must therefore fit into a pipe.
///
/// # Errors
/// It cannot be started, fails, or does not end in time.
pub fn run_fed(command: &[String], input: &str, deadline: Duration) -> Result<()> {
    let Some((program, arguments)) = command.split_first() else { bail!("no command") };
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .with_context(|| format!("failed to run {program}"))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A command that does not read its input is no failure.
        let _ = stdin.write_all(input.as_bytes());
    }
    succeed(child, program, deadline)
}

/// Runs a program for its success only, without input; what it prints is dropped.
///
/// # Errors
/// It cannot be started, fails, or does not end in time.
pub fn run_silent(mut command: Command, deadline: Duration) -> Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("failed to run {name}"))?;
    succeed(child, &name, deadline)
}

fn succeed(mut child: Child, name: &str, deadline: Duration) -> Result<()> {
    match wait(&mut child, deadline)? {
        Some(status) if status.success() => Ok(()),
        Some(status) => bail!("{name}: {status}"),
        None => bail!("{name} did not end within {} ms", deadline.as_millis()),
    }
}

/// How the program ended; `None`: not in time, and it was killed.
fn wait(child: &mut Child, deadline: Duration) -> std::io::Result<Option<ExitStatus>> {
    let until = Instant::now() + deadline;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() >= until {
            let _ = child.kill();
            let _ = child.wait();
            return Ok(None);
        }
        std::thread::sleep(LOOK_AGAIN);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(20);
    const SHORT: Duration = Duration::from_millis(50);

    fn shell(script: &str) -> Command {
        let mut shell = Command::new("sh");
        shell.args(["-c", script]);
        shell
    }

    #[test]
    fn a_program_gives_its_output_or_says_why_not() {
        let told = |script, deadline| run(shell(script), b"in", deadline).map_err(|error| format!("{error:#}"));
        assert_eq!(told("cat; echo no >&2", LONG), Ok("in".into()));
        assert_eq!(told("cat >&2; exit 1", LONG), Err("sh: in".into()));
        assert_eq!(told("exec sleep 60", SHORT), Err("sh did not end within 0 s".into()));
        let missing = run(Command::new("/nonexistent"), b"", LONG).unwrap_err();
        assert!(format!("{missing:#}").starts_with("failed to run /nonexistent: "), "{missing:#}");
    }

    #[test]
    fn a_command_need_not_read_and_has_a_deadline() {
        let told = |script: &str, input: &str, deadline| {
            let command = ["sh", "-c", script].map(str::to_owned);
            run_fed(&command, input, deadline).map_err(|error| format!("{error:#}"))
        };
        assert_eq!(told("test \"$(cat)\" = in", "in", LONG), Ok(()));
        // More than a pipe holds, so that the write fails and is not merely unread.
        assert_eq!(told("exit 0", &"x".repeat(4 << 20), LONG), Ok(()));
        assert_eq!(told("exit 3", "", LONG), Err("sh: exit status: 3".into()));
        assert_eq!(told("exec sleep 60", "", SHORT), Err("sh did not end within 50 ms".into()));
        assert_eq!(run_fed(&[], "", LONG).unwrap_err().to_string(), "no command");
    }
}
