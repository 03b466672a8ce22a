//! Keeps relay logs that could not be applied: starting replication again throws
//! them away, and with them what only they may hold (F21).

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use ap_core::gtid::GtidPos;

use super::DataDirectory;
use super::server::data_directory;

/// This many sets are kept, the newest.
const KEPT: usize = 3;

impl DataDirectory {
    /// Links them, so that it costs neither time nor space; copies across file systems.
    /// Where, if it is the first time for this position.
    pub(super) fn keep_relay_logs(&self, position: &GtidPos) -> Result<Option<PathBuf>> {
        let all = self.config.state_dir().join("relay-logs");
        let name = if position.is_empty() { "nothing-applied".into() } else { position.to_string() };
        let directory = all.join(name.replace(',', "+"));
        ap_host::make_dir(&all, 0o700)?;
        let first = !directory.exists();
        ap_host::make_dir(&directory, 0o700)?;
        let data = data_directory();
        for entry in fs::read_dir(&data).with_context(|| format!("failed to read {}", data.display()))? {
            let file = entry.context("failed to read the data directory")?;
            let target = directory.join(file.file_name());
            if !file.file_name().to_string_lossy().starts_with("mariadb-relay-bin.") || target.exists() {
                continue;
            }
            match fs::hard_link(file.path(), &target) {
                // Copied onto its own link, the log would be emptied.
                Err(error) if error.kind() != ErrorKind::AlreadyExists => {
                    fs::copy(file.path(), &target)
                        .with_context(|| format!("failed to save {}", file.path().display()))?;
                }
                _ => {}
            }
        }
        if !first {
            return Ok(None);
        }
        forget_oldest(&all)?;
        Ok(Some(directory))
    }
}

fn forget_oldest(all: &Path) -> Result<()> {
    let mut sets: Vec<_> = fs::read_dir(all)?
        .flatten()
        .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
        .collect();
    sets.sort();
    let surplus = sets.len().saturating_sub(KEPT);
    for (_, path) in sets.into_iter().take(surplus) {
        fs::remove_dir_all(&path).with_context(|| format!("failed to remove {}", path.display()))?;
    }
    Ok(())
}
