//! The way to ap-notify and back: one line into its FIFO, lines out of a reply pipe.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Error, Result, anyhow};
use ap_core::config::Config;
use ap_core::exit::Exit;
use ap_core::message::Reply;
use ap_host::fifo::{self, SendError};
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::stat::Mode;

use crate::failure::Failure;

/// How long to wait.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// For the next line.
    pub silence: Duration,
    /// For the end.
    pub total: Duration,
}

/// Puts `line` into the FIFO and hands each step that comes back to `progress`.
/// Gives the exit code and the last word.
///
/// # Errors
/// [`Exit::Unavailable`]: nobody owns the FIFO, or it is full. [`Exit::NoPermission`].
/// [`Exit::Deadline`]: the request may still be carried out.
pub fn ask(
    config: &Config,
    id: &str,
    line: &str,
    limits: Limits,
    progress: &mut dyn FnMut(&str),
) -> Result<(u8, String)> {
    let dir = config.run_dir().join("reply");
    sweep(&dir);
    let mut reply = ReplyPipe::new(&dir, id)?;
    send(&config.fifo(), line)?;
    reply.follow(limits, progress)
}

/// The socket unit is not there: nobody would ever read.
fn absent(path: &Path) -> Failure {
    let text = format!(
        "{} is not there or nobody reads it: ap-notify.socket is not running. Type: systemctl start ap-notify.socket \
         (and ap-mode install if there is no such unit)",
        path.display()
    );
    Failure::new(Exit::Unavailable, text)
}

fn send(fifo: &Path, line: &str) -> Result<()> {
    fifo::send(fifo, line).map_err(|error| match error {
        SendError::Absent(_) => absent(fifo).into(),
        SendError::Open(error) => {
            Error::new(error).context(format!("failed to open {}, are you root?", fifo.display()))
        }
        SendError::Full(_) => {
            let text = format!("{} is full: ap-notify does not read. Look at: journalctl -u ap-notify", fifo.display());
            Failure::new(Exit::Unavailable, text).into()
        }
        SendError::Partly { .. } => anyhow!("{} took only a part of the request; it is not a FIFO", fifo.display()),
        SendError::Write(error) => Error::new(error).context(format!("failed to write to {}", fifo.display())),
    })
}

/// Removes the pipes of askers that were killed. Best effort: they do no harm.
fn sweep(dir: &Path) {
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let pid = name.to_str().and_then(|name| name.split('-').next()).and_then(|pid| pid.parse::<u32>().ok());
        if pid.is_some_and(|pid| !Path::new("/proc").join(pid.to_string()).exists()) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

/// `RUN/reply/ID`, removed when done with.
#[derive(Debug)]
struct ReplyPipe {
    path: PathBuf,
    file: File,
    /// What was read and is not yet a line.
    rest: Vec<u8>,
}

impl Drop for ReplyPipe {
    fn drop(&mut self) {
        // In a directory that is empty after each boot; nothing hangs on it.
        let _ = std::fs::remove_file(&self.path);
    }
}

impl ReplyPipe {
    fn new(dir: &Path, id: &str) -> Result<Self> {
        let path = dir.join(id);
        match nix::unistd::mkfifo(&path, Mode::S_IRUSR | Mode::S_IWUSR).map_err(std::io::Error::from) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Err(absent(dir).into()),
            made => made.with_context(|| format!("failed to make the pipe {}, are you root?", path.display()))?,
        }
        // Open for both, so that the pipe never reads as closed while ap-notify restarts.
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(OFlag::O_NONBLOCK.bits())
            .open(&path)
            .with_context(|| format!("failed to open {}", path.display()))?;
        Ok(Self { path, file, rest: Vec::new() })
    }

    fn follow(&mut self, limits: Limits, progress: &mut dyn FnMut(&str)) -> Result<(u8, String)> {
        let end = Instant::now() + limits.total;
        let mut quiet = Instant::now() + limits.silence;
        loop {
            while let Some(line) = self.line() {
                match serde_json::from_slice(&line) {
                    Ok(Reply::Step { text }) => progress(&text),
                    Ok(Reply::Done { exit, text }) => return Ok((exit, text)),
                    Err(error) => log::warn!("not understood from ap-notify: {error}"),
                }
                quiet = Instant::now() + limits.silence;
            }
            let left = quiet.min(end).saturating_duration_since(Instant::now());
            if left.is_zero() {
                let text = format!(
                    "no end of the request within {}; it may still be carried out. Look at: ap-mode show, journalctl -u ap-notify",
                    humantime::format_duration(if quiet <= end { limits.silence } else { limits.total })
                );
                return Err(Failure::new(Exit::Deadline, text).into());
            }
            self.wait(left)?;
        }
    }

    /// Waits for something to read and reads it.
    fn wait(&mut self, left: Duration) -> Result<()> {
        // Rounded up, so that the last millisecond is no busy loop.
        let timeout = PollTimeout::try_from(left + Duration::from_millis(1)).unwrap_or(PollTimeout::MAX);
        match poll(&mut [PollFd::new(self.file.as_fd(), PollFlags::POLLIN)], timeout) {
            Ok(0) | Err(nix::Error::EINTR) => return Ok(()),
            Ok(_) => {}
            Err(error) => {
                return Err(error).with_context(|| format!("failed to wait for {}", self.path.display()));
            }
        }
        let mut bytes = [0; 4096];
        match self.file.read(&mut bytes) {
            Ok(read) => self.rest.extend_from_slice(&bytes[..read]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(error) => {
                return Err(error).with_context(|| format!("failed to read {}", self.path.display()));
            }
        }
        Ok(())
    }

    /// The next whole line, without its newline.
    fn line(&mut self) -> Option<Vec<u8>> {
        let end = self.rest.iter().position(|byte| *byte == b'\n')?;
        let mut line: Vec<u8> = self.rest.drain(..=end).collect();
        line.pop();
        Some(line)
    }
}

#[cfg(test)]
#[path = "pipe_tests.rs"]
mod tests;
