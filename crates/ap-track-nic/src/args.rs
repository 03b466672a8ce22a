//! Command line and configuration: what to check.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;

use ap_core::config::Span;
use ap_host::{LoadError, config_path, load_config};
use clap::Parser;

use crate::check::What;

/// Checks that a network interface exists, is up, has carrier and carries the
/// node's own address. Exit status 0: good, 1: bad, 64: wrong command line,
/// 78: wrong configuration.
#[derive(Debug, Parser)]
#[command(name = "ap-track-nic", version)]
pub struct Args {
    /// Configuration [default: $AP_CONFIG, else /etc/ap/ap.toml]
    #[arg(long, value_name = "FILE", conflicts_with = "nic")]
    config: Option<PathBuf>,
    /// Check this interface; no configuration is read
    #[arg(long, value_name = "NAME")]
    nic: Option<String>,
    /// The address it must carry [default: any]
    #[arg(long, value_name = "IPV4", requires = "nic")]
    address: Option<Ipv4Addr>,
    /// Give up after this long; keepalived's timeout must be longer
    /// [default: check.timeout less 100ms; 900ms without configuration]
    #[arg(long, value_name = "DURATION")]
    deadline: Option<Span>,
    /// Where the verdict is kept, in track/nic [default: /run/CODENAME; /run/ap without configuration]
    #[arg(long, value_name = "DIR")]
    run_dir: Option<PathBuf>,
    /// Wait this long for it to become good, as at boot
    #[arg(long, value_name = "DURATION")]
    wait: Option<Span>,
}

/// What is to be done.
pub struct Plan {
    pub what: What,
    pub deadline: Duration,
    pub wait: Option<Duration>,
    pub run: PathBuf,
}

impl Args {
    /// # Errors
    /// The configuration is needed and wrong.
    pub fn resolve(self) -> Result<Plan, LoadError> {
        let (what, deadline, run) = match self.nic {
            Some(nic) => {
                let what = What::One { nic, address: self.address };
                (what, ap_host::track::DEADLINE, ap_host::track::RUN_DIR.into())
            }
            None => {
                let config = load_config(&config_path(self.config))?;
                let (deadline, run) = (config.check.deadline(), config.run_dir());
                (What::OwnOf(config.host), deadline, run)
            }
        };
        Ok(Plan {
            what,
            deadline: self.deadline.map_or(deadline, Span::get),
            wait: self.wait.map(Span::get),
            run: self.run_dir.unwrap_or(run),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manual_and_completions_are_up_to_date() {
        ap_docs::up_to_date(&<Args as clap::CommandFactory>::command()).unwrap();
    }
}
