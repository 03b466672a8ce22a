//! Command line and configuration: which database, and what it must be.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use ap_core::config::Span;
use ap_db::credentials::Credentials;
use ap_host::{config_path, load_config, track};
use clap::Parser;

/// Checks that MariaDB answers a real query on a fresh connection, is writable
/// where the VIP is, and replicates without an error where it is not. Exit
/// status 0: good, 1: bad, 64: wrong command line, 78: wrong configuration.
#[derive(Debug, Parser)]
#[command(name = "ap-track-db", version)]
pub struct Args {
    /// Configuration [default: $AP_CONFIG, else /etc/ap/ap.toml]
    #[arg(long, value_name = "FILE", conflicts_with = "socket")]
    config: Option<PathBuf>,
    /// Ask the MariaDB that listens here; no configuration is read
    #[arg(long, value_name = "PATH", requires = "credentials")]
    socket: Option<PathBuf>,
    /// TOML file, mode 0600, with user, password, replication-user, replication-password
    #[arg(long, value_name = "FILE", requires = "socket")]
    credentials: Option<PathBuf>,
    /// Where this address is, the database must be writable [default: not looked at]
    #[arg(long, value_name = "IPV4", requires = "socket")]
    vip: Option<Ipv4Addr>,
    /// How long it may be read-only there [default: 5s]
    #[arg(long, value_name = "DURATION", requires = "vip")]
    writable_grace: Option<Span>,
    /// Give up after this long; keepalived's timeout must be longer
    /// [default: check.timeout less 100ms; 900ms without configuration]
    #[arg(long, value_name = "DURATION")]
    deadline: Option<Span>,
    /// Where the verdict is kept, in track/db [default: /run/CODENAME; /run/ap without configuration]
    #[arg(long, value_name = "DIR")]
    run_dir: Option<PathBuf>,
}

/// What is to be done.
#[derive(Debug)]
pub struct Plan {
    pub socket: PathBuf,
    pub credentials: Credentials,
    pub vip: Option<Ipv4Addr>,
    pub writable_grace: Duration,
    /// Says whether a promotion is under way; `None` where nobody promotes.
    pub state_file: Option<PathBuf>,
    pub deadline: Duration,
}

impl Args {
    /// The plan, and the run directory.
    ///
    /// # Errors
    /// The configuration or the credentials are wrong.
    pub fn resolve(self) -> Result<(Plan, PathBuf)> {
        let (mut plan, run) = match (self.socket, self.credentials) {
            (Some(socket), Some(credentials)) => {
                let grace = self.writable_grace.unwrap_or(ap_core::config::Checks::default().writable_grace);
                let plan = Plan {
                    socket,
                    credentials: Credentials::read(&credentials)?,
                    vip: self.vip,
                    writable_grace: grace.get(),
                    state_file: None,
                    deadline: track::DEADLINE,
                };
                (plan, track::RUN_DIR.into())
            }
            _ => {
                let config = load_config(&config_path(self.config))?;
                let plan = Plan {
                    socket: config.database.socket.clone(),
                    credentials: Credentials::read(&config.database.credentials)?,
                    vip: Some(config.vip),
                    writable_grace: config.check.writable_grace.get(),
                    state_file: Some(config.state_file()),
                    deadline: config.check.deadline(),
                };
                (plan, config.run_dir())
            }
        };
        plan.deadline = self.deadline.map_or(plan.deadline, Span::get);
        Ok((plan, self.run_dir.unwrap_or(run)))
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
