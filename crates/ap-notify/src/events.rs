//! What happened: the history on disk, replies to whoever asked, alerts.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, bail};
use ap_core::config::{Alert, Config};
use ap_core::message::Reply;
use nix::fcntl::OFlag;
use serde::Serialize;

/// The history is kept in two files of at most this many bytes.
const LONGEST: u64 = 2 * 1024 * 1024;

/// One line of the history.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Event<'a> {
    /// Wall clock, for people.
    pub at: String,
    /// Milliseconds since boot, for measuring.
    pub boot_ms: u128,
    /// What made us act.
    pub cause: &'a str,
    /// done, failed, refused, nothing, alert; heard: only that something came.
    pub outcome: &'a str,
    /// In a sentence.
    pub text: &'a str,
    /// Milliseconds of each step.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub steps: &'a [StepTime],
}

impl<'a> Event<'a> {
    fn now(cause: &'a str, outcome: &'a str, text: &'a str, steps: &'a [StepTime]) -> Self {
        Self { at: now(), boot_ms: ap_host::boottime().as_millis(), cause, outcome, text, steps }
    }
}

/// How long a step took.
#[derive(Debug, Clone, Serialize)]
pub struct StepTime {
    /// The step.
    pub step: String,
    /// Milliseconds.
    pub ms: f64,
    /// What went wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Writes events.
#[derive(Debug, Clone)]
pub struct Events {
    file: PathBuf,
    replies: PathBuf,
    alert: Alert,
    host: String,
}

impl Events {
    /// The history of the configured node.
    pub fn new(config: &Config, host: &str) -> Self {
        Self {
            file: config.events_file(),
            replies: config.run_dir().join("reply"),
            alert: config.alert.clone(),
            host: host.to_owned(),
        }
    }

    /// Appends the moment at which something came to the history only; what
    /// became of it is recorded when it is done.
    pub fn heard(&self, word: &str) {
        self.write(&Event::now(word, "heard", "", &[]));
    }

    /// Appends to the history. A full disk costs the line, not the action: the
    /// journal has it as well.
    pub fn record(&self, cause: &str, outcome: &str, text: &str, steps: &[StepTime]) {
        let event = Event::now(cause, outcome, text, steps);
        match outcome {
            "refused" | "failed" => log::warn!("{cause}: {outcome}: {text}"),
            _ => log::info!("{cause}: {outcome}: {text}"),
        }
        self.write(&event);
    }

    fn write(&self, event: &Event<'_>) {
        if let Err(error) = self.append(event) {
            log::warn!("{error:#}");
        }
    }

    fn append(&self, event: &Event<'_>) -> Result<()> {
        if fs::metadata(&self.file).is_ok_and(|file| file.len() > LONGEST) {
            let old = self.file.with_extension("jsonl.1");
            fs::rename(&self.file, &old).with_context(|| format!("failed to rename {}", self.file.display()))?;
        }
        let mut line = serde_json::to_string(event).context("failed to render an event")?;
        line.push('\n');
        OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.file)
            .and_then(|mut file| file.write_all(line.as_bytes()))
            .with_context(|| format!("failed to append to {}", self.file.display()))
    }

    /// Tells whoever waits on the reply pipe of a request; nobody need be there.
    pub fn reply(&self, id: &str, reply: &Reply) {
        let path = self.replies.join(id);
        let sent = serde_json::to_string(reply).map_err(anyhow::Error::from).and_then(|line| {
            let mut pipe = OpenOptions::new().write(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(&path)?;
            Ok(pipe.write_all(format!("{line}\n").as_bytes())?)
        });
        if let Err(error) = sent {
            log::debug!("nobody waits on {}: {error:#}", path.display());
        }
    }

    /// Records, and runs the operator's command in a thread of its own, with a deadline.
    pub fn alert(&self, kind: &'static str, text: &str) {
        self.record(kind, "alert", text, &[]);
        if self.alert.command.is_empty() {
            return;
        }
        let (alert, message) = (
            self.alert.clone(),
            serde_json::json!({"host": self.host, "at": now(), "kind": kind, "text": text}).to_string(),
        );
        let spawned = std::thread::Builder::new().name("alert".into()).spawn(move || {
            if let Err(error) = run_fed(&alert.command, &message, alert.timeout.get()) {
                log::warn!("alert command: {error:#}");
            }
        });
        if let Err(error) = spawned {
            log::warn!("failed to start the alert command: {error}");
        }
    }
}

/// Wall clock in RFC 3339, for people; nothing is decided by it.
pub fn now() -> String {
    humantime::format_rfc3339_millis(SystemTime::now()).to_string()
}

/// Runs a program with `input` on standard input, and ends it at the deadline.
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
    let until = Instant::now() + deadline;
    loop {
        if let Some(status) = child.try_wait()? {
            if status.success() {
                return Ok(());
            }
            bail!("{program}: {status}");
        }
        if Instant::now() >= until {
            let _ = child.kill();
            let _ = child.wait();
            bail!("{program} did not end within {} ms", deadline.as_millis());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}
