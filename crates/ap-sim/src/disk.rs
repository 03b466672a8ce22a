//! The disk of a machine: slow, full, read-only, hanging; and the run directory, which
//! lies in memory and can be full as well.

use std::time::Duration;

use ap_core::agent::{Act, Lease};
use ap_core::mode::{Service, Vrrp};

use crate::node::Node;
use crate::world::{World, ms};

/// What it does with what is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Disk {
    /// Takes it.
    #[default]
    Well,
    /// Takes it, late.
    Slow,
    /// Has no room; the database waits for some (docs/FACTS.md#full-disk-stops-commits).
    Full,
    /// Refuses it, and the database ends itself (docs/FACTS.md#read-only-disk-ends-the-database).
    ReadOnly,
    /// Does not return from it. No signal ends who waits
    /// (docs/FACTS.md#kill-waits-for-the-disk).
    Hangs,
}

/// What becomes of an act that writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// It is done.
    Done,
    /// It fails.
    Refused,
    /// It waits for the disk.
    Waits,
}

impl Disk {
    /// Whether nothing that a database writes gets there.
    fn is_stuck(self) -> bool {
        matches!(self, Self::Full | Self::ReadOnly | Self::Hangs)
    }
}

impl Node {
    /// Whether the database's writes get nowhere: no commit ends, nothing is applied, no
    /// relay log grows.
    pub fn is_stuck(&self) -> bool {
        self.disk.is_stuck()
    }

    /// What the disk makes of an act.
    pub fn writes(&self, act: &Act) -> Written {
        let ends =
            matches!(act, Act::Kill { service: Service::Database, .. } | Act::Stop { service: Service::Database, .. });
        match (self.disk, act) {
            (_, Act::Fault(..) | Act::Started(_)) if self.run_full => Written::Refused,
            (Disk::Hangs, _) if self.db.up && ends => Written::Waits,
            (Disk::Hangs, _) if is_on_disk(act) => Written::Waits,
            (Disk::Full | Disk::ReadOnly, _) if is_on_disk(act) => Written::Refused,
            _ => Written::Done,
        }
    }

    /// keepalived's word is kept, or the one before it stays.
    pub fn keeps_word(&mut self, word: Vrrp) {
        if !self.run_full {
            self.word = Some(word);
        }
    }

    /// The file that keeps the lease is written; one that is removed needs no room.
    ///
    /// # Errors
    /// There is no room.
    pub fn keeps_lease(&mut self, lease: Option<&Lease>) -> Result<(), String> {
        if self.run_full && lease.is_some() {
            return Err("no space left on device".into());
        }
        self.lease = lease.cloned();
        Ok(())
    }
}

/// Whether an act writes to the disk.
fn is_on_disk(act: &Act) -> bool {
    match act {
        Act::Save(_)
        | Act::UnitFiles(_)
        | Act::TruncateAtStart(_)
        | Act::SaveTail(_)
        | Act::SaveRelayLogs(_)
        | Act::Reseed
        | Act::Start { service: Service::Database, .. } => true,
        // Replication keeps its positions in files and tables.
        Act::Sql { statements, .. } => statements.iter().any(|sql| {
            let text = sql.text();
            text.contains("SLAVE") || text.contains("MASTER TO") || text.contains("gtid_slave_pos")
        }),
        _ => false,
    }
}

impl World {
    /// A disk goes wrong.
    pub fn disk_goes_wrong(&mut self, n: usize, disk: Disk) {
        self.nodes[n].disk = disk;
        if disk == Disk::ReadOnly && self.nodes[n].runs() {
            self.service_runs(n, Service::Database, false, false);
        }
    }

    /// How much later it is written because of a slow disk, or a starved machine.
    pub fn disk_takes(&mut self, n: usize) -> Duration {
        let slow = if self.nodes[n].disk == Disk::Slow { self.between(50, 400) } else { ms(0) };
        slow + self.lateness(n)
    }

    /// How much later an act ends because of a slow disk.
    pub fn act_takes_on_disk(&mut self, n: usize, act: &Act) -> Duration {
        if self.nodes[n].disk == Disk::Slow && is_on_disk(act) { self.between(100, 3000) } else { ms(0) }
    }
}
