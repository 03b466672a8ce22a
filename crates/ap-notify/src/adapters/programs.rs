//! The real programs.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use ap_core::config::{Alert, Config};

use super::Programs;
use ap_host::process::{run_fed, run_silent};

/// Longest run of `ap-track-api`, beyond keepalived's own limit for it.
const API_CHECK: Duration = Duration::from_secs(5);

/// The toolkit's own check, and the operator's commands.
#[derive(Debug)]
pub struct RealPrograms {
    path: PathBuf,
    check: PathBuf,
    alert: Alert,
    fence_timeout: Duration,
}

impl RealPrograms {
    /// Those of a configuration, which lies at `path`.
    pub fn new(path: &Path, config: &Config) -> Self {
        Self {
            path: path.to_owned(),
            check: config.paths.programs.join("ap-track-api"),
            alert: config.alert.clone(),
            fence_timeout: config.fence.timeout.get(),
        }
    }
}

impl Programs for RealPrograms {
    fn check_api(&self) -> Result<()> {
        let mut check = Command::new(&self.check);
        check.arg("--config").arg(&self.path);
        run_silent(check, API_CHECK)
    }

    fn alert(&self, message: &str) -> Result<()> {
        if self.alert.command.is_empty() {
            return Ok(());
        }
        run_fed(&self.alert.command, message, self.alert.timeout.get())
    }

    fn fence(&self, command: &[String]) -> Result<()> {
        run_fed(command, "", self.fence_timeout)
    }
}
