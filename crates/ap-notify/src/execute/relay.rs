//! Keeps relay logs that could not be applied: starting replication again throws
//! them away, and with them what only they may hold (F21).

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use super::server::data_directory;
use crate::node::Node;

/// This many sets are kept, the newest.
const KEPT: usize = 3;

impl Node {
    /// Keeps them if nobody else is there to send their content again, or if an
    /// error stopped the SQL thread; once for each position.
    pub fn keep_relay_logs(&self) {
        let (stuck, position) = {
            let facts = self.shared.facts();
            let Some((position, replica)) =
                facts.db.as_ref().ok().and_then(|db| Some((db.slave_pos.to_string(), db.replica.as_ref()?)))
            else {
                return;
            };
            let stuck = !replica.receives() && !replica.sql && facts.heard.answer.is_err();
            (stuck || !replica.sql_error.is_empty(), position)
        };
        if !stuck {
            return;
        }
        if let Err(error) = self.link_relay_logs(&position) {
            log::error!("relay logs that could not be applied are not saved: {error:#}");
        }
    }

    /// Links them, so that it costs neither time nor space; copies across file systems.
    fn link_relay_logs(&self, position: &str) -> Result<()> {
        let all = self.config.state_dir().join("relay-logs");
        let name = if position.is_empty() { "nothing-applied" } else { position };
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
            fs::hard_link(file.path(), &target)
                .or_else(|_| fs::copy(file.path(), &target).map(drop))
                .with_context(|| format!("failed to save {}", file.path().display()))?;
        }
        if first {
            self.events.alert(
                "relay-logs",
                &format!("relay logs that could not be applied are kept in {}", directory.display()),
            );
            forget_oldest(&all)?;
        }
        Ok(())
    }
}

fn forget_oldest(all: &PathBuf) -> Result<()> {
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
