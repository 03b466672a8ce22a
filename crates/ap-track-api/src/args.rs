//! Command line and configuration: what to ask for and what to expect.

use std::path::PathBuf;
use std::time::Duration;

use ap_core::config::{Api, Span};
use ap_host::{LoadError, config_path, load_config};
use clap::Parser;

/// Checks that a URL answers with the expected status, and text if any. Exit
/// status 0: good, 1: bad, 64: wrong command line, 78: wrong configuration.
#[derive(Debug, Parser)]
#[command(name = "ap-track-api", version)]
pub struct Args {
    /// Configuration [default: $AP_CONFIG, else /etc/ap/ap.toml]
    #[arg(long, value_name = "FILE", conflicts_with = "url")]
    config: Option<PathBuf>,
    /// Ask for this http or https URL; no configuration is read
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// The status that counts as healthy [default: 200]
    #[arg(long, value_name = "CODE", requires = "url")]
    expect_status: Option<u16>,
    /// Text the body must contain
    #[arg(long, value_name = "TEXT", requires = "url")]
    expect_body: Option<String>,
    /// Certificate authority for https, instead of the system's
    #[arg(long, value_name = "FILE", requires = "url")]
    ca_file: Option<PathBuf>,
    /// Do not verify the certificate; sensible on loopback only
    #[arg(long, requires = "url")]
    insecure: bool,
    /// Redirects to follow, 0 to 10 [default: 0]
    #[arg(long, value_name = "N", requires = "url", value_parser = clap::value_parser!(u8).range(0..=10))]
    redirects: Option<u8>,
    /// Give up after this long; keepalived's timeout must be longer
    /// [default: check.timeout less 100ms; 900ms without configuration]
    #[arg(long, value_name = "DURATION")]
    deadline: Option<Span>,
    /// Where the verdict is kept, in track/api [default: /run/CODENAME; /run/ap without configuration]
    #[arg(long, value_name = "DIR")]
    run_dir: Option<PathBuf>,
}

/// What is to be done.
pub struct Plan {
    pub api: Api,
    pub deadline: Duration,
    pub run: PathBuf,
}

impl Args {
    /// # Errors
    /// The configuration is needed and wrong.
    pub fn resolve(self) -> Result<Plan, LoadError> {
        let (api, deadline, run) = match self.url {
            Some(health_url) => {
                let api = Api {
                    unit: String::new(),
                    health_url,
                    expect_status: self.expect_status.unwrap_or(200),
                    expect_body: self.expect_body,
                    ca_file: self.ca_file,
                    insecure: self.insecure,
                    redirects: self.redirects.unwrap_or(0),
                    start_timeout: Span::secs(0),
                };
                (api, ap_host::track::DEADLINE, ap_host::track::RUN_DIR.into())
            }
            None => {
                let config = load_config(&config_path(self.config))?;
                let (deadline, run) = (config.check.deadline(), config.run_dir());
                (config.api, deadline, run)
            }
        };
        Ok(Plan { api, deadline: self.deadline.map_or(deadline, Span::get), run: self.run_dir.unwrap_or(run) })
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
