//! `ap-mode install`.

use std::path::{Path, PathBuf};

use anyhow::Result;
use ap_core::exit::Exit;

use crate::cli::Context;
use crate::failure::Failure;
use crate::install::place::{Change, Places};
use crate::install::render::{Node, Rendered, Version, files};
use crate::install::work::Work;
use crate::install::{accounts, diff, host};
use crate::output::{data, progress};

/// Writes everything this host needs, from the configuration.
///
/// keepalived.conf, MariaDB's settings, units, drop-ins and tmpfiles.d. Shows
/// what changes as a diff, and refuses to overwrite what somebody edited. Run
/// again, it changes nothing.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Show the diff and change nothing.
    #[arg(long)]
    dry_run: bool,
    /// Overwrite what somebody else wrote or edited; it is kept under STATE/replaced.
    #[arg(long)]
    force: bool,
    /// Write below DIR instead, into an image, and touch nothing else.
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
    /// The host of the configuration that is meant, when it is not this machine;
    /// with --root or --dry-run.
    #[arg(long, value_name = "NAME")]
    host: Option<String>,
}

/// A keepalived not seen yet, when writing into an image: the oldest that is common.
const KEEPALIVED_OF_IMAGE: Version = Version(2, 2, 0);

/// Renders, shows, checks, then writes.
///
/// # Errors
/// [`Exit::Config`] for a configuration that keepalived or this host cannot have;
/// what the system says otherwise.
pub fn run(context: &Context, args: Args) -> Result<Exit> {
    if args.host.is_some() && args.root.is_none() && !args.dry_run {
        return Err(Failure::new(Exit::Usage, "--host needs --root or --dry-run").into());
    }
    let config = &context.config;
    let here = args.root.is_none();
    let places = Places::new(args.root.as_deref().unwrap_or(Path::new("/")), &config.state_dir());
    let (own, peer) = host::locate(config, args.host.as_deref())?;
    let node = Node {
        config,
        path: &context.path,
        own,
        peer,
        keepalived: if here { host::keepalived_version()? } else { KEEPALIVED_OF_IMAGE },
        log_bin: accounts::log_bin(config, &places.real(&config.database.settings), here),
    };
    let wanted = files(&node)?;
    let changes = places.survey(&wanted)?;
    for change in &changes {
        data_if_any(&diff::unified(&change.path.display().to_string(), change.old.as_deref(), change.new.as_deref()))?;
    }
    if here {
        test_keepalived(&wanted, &node)?;
    }
    if here && config.database.credentials.exists() {
        accounts::credentials(config)?;
    }
    if !args.force && refused(&changes) {
        return Ok(Exit::Refused);
    }
    let work = Work { context, places, changes };
    if args.dry_run {
        work.announce()?;
        return Ok(Exit::Ok);
    }
    let changed = work.write()?;
    if here {
        work.take_effect(changed, own)?;
    }
    Ok(Exit::Ok)
}

fn data_if_any(text: &str) -> std::io::Result<()> {
    if text.is_empty() { Ok(()) } else { data(text) }
}

/// Before anything is written, so that a refusal leaves nothing behind. keepalived of
/// Debian 13 (2.3.3) looks for the directory of a `track_file` even in a test, and ours
/// comes only with what is written: for the test the files lie in one that is there.
fn test_keepalived(wanted: &[Rendered], node: &Node) -> Result<()> {
    let Some(file) = wanted.iter().find(|file| file.path == node.config.keepalived.config) else { return Ok(()) };
    let fault = node.config.run_dir().join("fault").display().to_string();
    host::test_keepalived(&file.text.replace(&format!("\"{fault}/"), "\"/run/"), node.keepalived)
}

/// Says of each file that somebody else wrote what can be done about it.
fn refused(changes: &[Change]) -> bool {
    let refused: Vec<&Change> = changes.iter().filter(|change| change.kind.is_refused()).collect();
    for change in &refused {
        progress(&format!(
            "refused: {} was {}; take what matters over into the configuration, then run ap-mode install --force \
             (what is there now is kept)",
            change.path.display(),
            change.kind.origin()
        ));
    }
    !refused.is_empty()
}
