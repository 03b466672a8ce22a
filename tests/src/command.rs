//! Runs programs under a hard timeout.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

/// What a finished program left behind.
#[derive(Debug, Clone)]
pub struct Output {
    /// Exit code; 128 + signal for a program that was killed.
    pub code: i32,
    /// Standard output, without the trailing newline.
    pub stdout: String,
    /// Standard error, without the trailing newline.
    pub stderr: String,
}

impl Output {
    /// Standard output of a program that exited 0, or an error that carries everything.
    pub fn success(self) -> Result<String> {
        if self.code != 0 {
            bail!("exit {}: {} {}", self.code, self.stdout, self.stderr);
        }
        Ok(self.stdout)
    }
}

/// Runs `command` with `input` on its standard input, kills it and all its
/// children after `timeout`.
pub fn run(command: &mut Command, input: &[u8], timeout: Duration) -> Result<Output> {
    // Memory files instead of pipes: a daemon started by the command may keep
    // its output open without holding us up.
    let (mut stdin, mut stdout, mut stderr) = (memory()?, memory()?, memory()?);
    stdin.write_all(input)?;
    stdin.rewind()?;
    let mut child = command
        .stdin(Stdio::from(stdin))
        .stdout(Stdio::from(stdout.try_clone()?))
        .stderr(Stdio::from(stderr.try_clone()?))
        .process_group(0)
        .spawn()
        .with_context(|| format!("failed to start {command:?}"))?;
    let deadline = Instant::now() + timeout;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if Instant::now() >= deadline {
            let _ = killpg(Pid::from_raw(child.id().cast_signed()), Signal::SIGKILL);
            child.wait()?;
            bail!("no answer within {timeout:?}, killed: {} {}", text(&mut stdout)?, text(&mut stderr)?);
        }
        std::thread::sleep(Duration::from_millis(1));
    };
    Ok(Output {
        code: status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0)),
        stdout: text(&mut stdout)?,
        stderr: text(&mut stderr)?,
    })
}

/// Runs a program of the host that must succeed within five seconds.
pub fn host(program: &str, arguments: &[&str]) -> Result<String> {
    run(Command::new(program).args(arguments), b"", Duration::from_secs(5))
        .and_then(Output::success)
        .with_context(|| format!("failed: {program} {}", arguments.join(" ")))
}

fn memory() -> Result<File> {
    Ok(File::from(memfd_create(c"lab", MFdFlags::MFD_CLOEXEC)?))
}

fn text(file: &mut File) -> Result<String> {
    let mut bytes = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn collects_output_and_code() {
        let mut command = Command::new("sh");
        command.args(["-c", "cat; echo bad >&2; exit 3"]);
        let output = run(&mut command, b"good\n", Duration::from_secs(5)).unwrap();
        assert_eq!((output.code, output.stdout.as_str(), output.stderr.as_str()), (3, "good", "bad"));
    }

    #[test]
    fn kills_what_takes_too_long() {
        let started = Instant::now();
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 60 & sleep 60"]);
        let error = run(&mut command, b"", Duration::from_millis(100)).unwrap_err();
        assert!(error.to_string().contains("no answer"), "{error}");
        assert!(started.elapsed() < Duration::from_secs(5));
    }
}
