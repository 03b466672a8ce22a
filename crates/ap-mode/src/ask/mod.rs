//! A request to ap-notify, from the command line to its exit code.

mod damaged;
mod pipe;

use std::fmt;
use std::time::Duration;

use anyhow::{Context as _, Result};
use ap_core::config::Span;
use ap_core::exit::Exit;
use ap_core::message::{MAX_LINE, Message, Reply, Request, Verb};

use crate::cli::Context;
use crate::failure::Failure;
use crate::output;
use pipe::Limits;

/// Options of everything that asks ap-notify to do something.
#[derive(Debug, clap::Args)]
pub struct Common {
    /// Why, for the record.
    #[arg(long, value_name = "TEXT", default_value = "")]
    why: String,
    /// Who asks, when no operator does: boot, at, cron, shutdown.
    #[arg(long, value_name = "WHO")]
    who: Option<Who>,
    /// Override a refusal that protects data.
    #[arg(long)]
    force: bool,
    /// Print the steps, exact SQL and unit calls included, and do nothing.
    #[arg(long)]
    dry_run: bool,
    /// Print the outcome as one line of JSON.
    #[arg(long)]
    json: bool,
    /// Longest wait for a sign of progress [default: 120s, longer for a slow database].
    #[arg(long, value_name = "TIME")]
    timeout: Option<Span>,
    /// Set by what is known to take long.
    #[arg(skip)]
    patience: Option<Duration>,
}

impl Common {
    /// Waits at least this long for a sign of progress, unless told otherwise.
    pub fn be_patient(&mut self, patience: Duration) {
        self.patience = Some(patience);
    }
}

/// Those who ask by themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    Boot,
    At,
    Cron,
    Shutdown,
}

impl std::str::FromStr for Who {
    type Err = String;
    fn from_str(word: &str) -> Result<Self, String> {
        match word {
            "boot" => Ok(Self::Boot),
            "at" => Ok(Self::At),
            "cron" => Ok(Self::Cron),
            "shutdown" => Ok(Self::Shutdown),
            _ => Err("allowed: boot, at, cron, shutdown".into()),
        }
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Boot => "boot",
            Self::At => "at",
            Self::Cron => "cron",
            Self::Shutdown => "shutdown",
        })
    }
}

/// Longest wait for a sign of progress.
const PATIENCE: Duration = Duration::from_secs(120);
/// What a database start may take beyond its own deadline.
const MARGIN: Duration = Duration::from_secs(30);
/// Longest wait altogether, in multiples of the longest silence.
const TOTAL: u32 = 24;

/// Asks ap-notify and prints what it does, or what it would do.
///
/// # Errors
/// ap-notify cannot be asked, or the deadline passed.
pub fn run(context: &Context, verb: Verb, common: Common) -> Result<Exit> {
    let request = Request {
        id: format!("{}-{}", std::process::id(), ap_host::boottime().as_nanos()),
        who: common.who.map_or_else(operator, |who| who.to_string()),
        why: common.why,
        verb,
        force: common.force,
        dry_run: common.dry_run,
    };
    let line = Message::Request(request.clone()).to_line(&context.config.codename);
    if line.len() > MAX_LINE {
        let text = format!("--why is too long: the request has {} bytes, allowed are {MAX_LINE}", line.len());
        return Err(Failure::new(Exit::Usage, text).into());
    }
    damaged::repair(&context.config, &request)?;
    let slow = context.config.database.start_timeout.get() + MARGIN;
    let silence = common.timeout.map_or(PATIENCE.max(slow).max(common.patience.unwrap_or_default()), Span::get);
    let limits = Limits { silence, total: silence.saturating_mul(TOTAL) };
    let mut steps = Vec::new();
    let mut step = |text: &str| match common.dry_run {
        true => steps.push(text.to_owned()),
        false => output::progress(text),
    };
    let (exit, text) = pipe::ask(&context.config, &request.id, &line, limits, &mut step)?;
    if common.dry_run {
        print_plan(exit, &text, &steps, common.json)?;
    } else if common.json {
        output::data(&serde_json::to_string(&Reply::Done { exit, text })?)?;
    } else if !text.is_empty() {
        output::data(&text)?;
    }
    Exit::from_code(exit).with_context(|| {
        Failure::new(Exit::Software, format!("ap-notify ended the request with the unknown exit code {exit}"))
    })
}

/// Prints what ap-notify would do.
fn print_plan(exit: u8, text: &str, steps: &[String], json: bool) -> std::io::Result<()> {
    let refused = exit != Exit::Ok.code();
    match json {
        true if refused => {
            let evidence = text.strip_prefix("refused: ").unwrap_or(text);
            output::data(&serde_json::json!({ "refused": evidence }).to_string())
        }
        true => output::data(&serde_json::json!({ "steps": steps }).to_string()),
        false if refused || steps.is_empty() => output::data(text),
        false => output::data(&steps.join("\n")),
    }
}

/// `operator NAME`: who typed it, as far as the environment says. For the
/// record only, never for a permission.
fn operator() -> String {
    let name = ["SUDO_USER", "USER", "LOGNAME"]
        .iter()
        .filter_map(|key| std::env::var(key).ok())
        .find(|name| !name.is_empty())
        .unwrap_or_else(|| "root".into());
    format!("operator {name}")
}
