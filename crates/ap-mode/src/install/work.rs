//! The part of install that changes something.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use ap_core::config::Host;
use ap_core::exit::Exit;
use ap_core::mode::Service;
use ap_core::state::State;

use super::place::{Change, Places};
use super::render::tmpfiles;
use super::services::Changed;
use super::{accounts, host, secrets, services};
use crate::cli::Context;
use crate::failure::Failure;
use crate::output::{data, progress};

const STATE_MODE: u32 = 0o644;
const DIR_MODE: u32 = 0o755;

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let dir = path.parent().unwrap_or(Path::new("/"));
    ap_host::make_dir(dir, DIR_MODE)
        .and_then(|()| ap_host::write_atomically(path, bytes, STATE_MODE))
        .with_context(|| Failure::new(Exit::CannotWrite, format!("failed to write {}", path.display())))
}

fn forget(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("failed to remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

/// What is left to do once everything was checked.
pub struct Work<'a> {
    /// The configuration.
    pub context: &'a Context,
    /// Where files go.
    pub places: Places,
    /// What differs, and may be changed.
    pub changes: Vec<Change>,
}

impl Work<'_> {
    fn missing(&self) -> (PathBuf, bool, PathBuf, bool) {
        let config = &self.context.config;
        let credentials = self.places.real(&config.database.credentials);
        let state = self.places.real(&config.state_file());
        let (no_credentials, no_state) = (!credentials.exists(), !state.exists());
        (credentials, no_credentials, state, no_state)
    }

    /// What a dry run says beyond the diff.
    ///
    /// # Errors
    /// Standard output is closed.
    pub fn announce(&self) -> Result<()> {
        let (credentials, no_credentials, state, no_state) = self.missing();
        for (path, missing) in [(credentials, no_credentials), (state, no_state)] {
            if missing {
                data(&format!("would create {}", path.display()))?;
            }
        }
        if !no_credentials && !no_state && !self.any_change() {
            data("nothing to change")?;
        }
        Ok(())
    }

    /// Writes what is missing or differs; tells whether that was anything.
    ///
    /// # Errors
    /// [`Exit::CannotWrite`]; run again, it goes on where it stopped.
    pub fn write(&self) -> Result<bool> {
        let config = &self.context.config;
        let (credentials, no_credentials, state, no_state) = self.missing();
        if self.any_change() {
            // What is written takes effect only later: until it has, nothing is known.
            forget(&self.copy())?;
        }
        for change in &self.changes {
            self.places.apply(change)?;
        }
        if no_credentials {
            secrets::create(&credentials, &config.codename)?;
            progress(&format!(
                "created {0} with new passwords. Both hosts need the very same file: copy it to the other one, mode 0600, \
                 before ap-mode install there",
                credentials.display()
            ));
        }
        if no_state {
            self.create_state(&state)?;
        }
        let changed = no_credentials || no_state || self.any_change();
        if !changed {
            data("nothing to change")?;
        }
        Ok(changed)
    }

    fn any_change(&self) -> bool {
        self.changes.iter().any(|change| change.kind.is_change())
    }

    /// A copy of the configuration that took effect last.
    fn copy(&self) -> PathBuf {
        self.places.real(&self.context.config.state_dir().join("installed.toml"))
    }

    /// What systemd and ap-notify, which reads the configuration when it starts,
    /// have to take notice of.
    fn changed(&self, configuration: &[u8]) -> Changed {
        let Ok(known) = std::fs::read(self.copy()) else {
            return Changed { units: true, sockets: true, service: true };
        };
        // Files change only with the configuration or the program; then there is no copy.
        Changed { service: known != configuration, ..Changed::default() }
    }

    /// A node never set up, and its mode as one word.
    fn create_state(&self, path: &Path) -> Result<()> {
        let since = humantime::format_rfc3339_seconds(std::time::SystemTime::now()).to_string();
        let state = State { since, ..State::fresh() };
        let mode_file = self.places.real(&self.context.config.mode_file());
        for (path, text) in [(path, state.to_toml()?), (&mode_file, format!("{}\n", state.mode))] {
            write(path, text.as_bytes())?;
        }
        Ok(())
    }

    /// Lets systemd, MariaDB and the operator know.
    ///
    /// # Errors
    /// systemd does not take it.
    pub fn take_effect(&self, changed: bool, own: &Host) -> Result<()> {
        let config = &self.context.config;
        host::create_run_dirs(&tmpfiles(config))?;
        // Before ap-notify, which logs in with them as soon as it starts.
        accounts::bring_up(config)?;
        let text = std::fs::read(&self.context.path)
            .with_context(|| format!("failed to read {}", self.context.path.display()))?;
        let changes = self.changed(&text);
        services::bring_up(config, changes)?;
        if changes.service {
            write(&self.copy(), &text)?;
        }
        let touched = |path: &Path| self.changes.iter().any(|change| change.kind.is_change() && change.path == path);
        if touched(&config.database.settings) {
            progress("MariaDB's settings changed: the next ap-mode set restarts it");
        }
        if touched(&config.keepalived.config) && services::is_active(config.unit(Service::Keepalived))? {
            progress(&format!(
                "keepalived runs with its former configuration: systemctl reload {}, on the standby first",
                config.unit(Service::Keepalived)
            ));
        }
        if changed {
            progress(&format!(
                "{} is installed. Look: ap-mode show. A new pair begins with ap-mode set ap --role active on the host \
                 that has the data, then ap-mode set ap on the other",
                own.name
            ));
        }
        Ok(())
    }
}
