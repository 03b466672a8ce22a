//! `ap-mode metrics`.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use ap_core::exit::Exit;
use ap_core::status::status;

use crate::cli::Context;
use crate::failure::Failure;
use crate::install::host;
use crate::output::data;
use crate::{metrics, sight};

/// Prints what this node is as Prometheus text.
///
/// For the textfile collector of node_exporter; ap-metrics.timer runs it every
/// 15 s. Alert rules and a Grafana dashboard lie in /usr/share/ap.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Write to FILE instead, atomically; its directory must exist.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Read by node_exporter, which is not root.
const MODE: u32 = 0o644;

/// Looks at both nodes, prints this one.
///
/// # Errors
/// This machine is not one of the pair, or the file cannot be written.
pub fn run(context: &Context, args: Args) -> Result<Exit> {
    let config = &context.config;
    let (own, peer) = host::locate(config, None)?;
    let (here, there) = sight::both(config, own, peer);
    let page = metrics::page(&config.codename, &status(config.vip, &here, &there));
    match args.output {
        None => data(&page)?,
        Some(path) => ap_host::write_atomically(&path, page.as_bytes(), MODE)
            .with_context(|| Failure::new(Exit::CannotWrite, format!("failed to write {}", path.display())))?,
    }
    Ok(Exit::Ok)
}
