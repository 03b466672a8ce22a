//! One lab: a network namespace with a bridge, a gateway and a client address,
//! and a memory file system for everything the nodes write.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::JoinHandle;

use anyhow::{Context, Result};
use nix::sched::{CloneFlags, setns};

use crate::command::host;
use crate::leftovers;
use crate::options::{CLIENT, GATEWAY, PREFIX};

/// A running lab; taken down when dropped.
pub struct Lab {
    id: String,
    base: PathBuf,
    packages: PathBuf,
    kept: AtomicBool,
    counter: AtomicU32,
}

impl Lab {
    /// Sets up the network and the memory file system. `base` is the root file
    /// system the nodes boot from, `packages` the directory of what is installed there.
    pub fn new(base: &Path, packages: PathBuf) -> Result<Self> {
        anyhow::ensure!(
            base.join("usr/sbin/keepalived").exists(),
            "no root file system in {}: run scripts/prepare",
            base.display()
        );
        leftovers::remove_dead()?;
        let id = format!("{:x}", std::process::id());
        leftovers::claim(&id)?;
        let lab =
            Self { id, base: base.to_owned(), packages, kept: AtomicBool::new(false), counter: AtomicU32::new(0) };
        lab.mount()?;
        lab.network()?;
        Ok(lab)
    }

    fn mount(&self) -> Result<()> {
        let directory = self.directory();
        fs::create_dir_all(&directory)?;
        // In memory: an fsync must not wait for the host's disk, it would
        // disturb every timing. Room for two nodes, a snapshot and a full disk.
        let path = directory.to_string_lossy();
        host("mount", &["-t", "tmpfs", "-o", "size=8g,mode=755", "lab", &path])?;
        let cgroup = directory.join("cgroup");
        fs::create_dir(&cgroup)?;
        host("mount", &["-t", "cgroup2", "lab", &cgroup.to_string_lossy()])?;
        Ok(fs::create_dir(leftovers::group(&self.id))?)
    }

    fn network(&self) -> Result<()> {
        host("ip", &["netns", "add", &self.namespace()])?;
        self.ip(&["link", "set", "lo", "up"])?;
        // An address of its own: a bridge without one takes that of a port, and the
        // gateway would change its address when a node loses power.
        let bridge = ["link", "add", "br0", "address", "02:00:0a:4d:00:01", "type", "bridge", "mcast_snooping", "0"];
        self.ip(&bridge)?;
        let client = format!("{CLIENT}/{PREFIX}");
        self.ip(&["address", "add", &client, "dev", "br0"])?;
        self.ip(&["link", "set", "br0", "up"])?;
        self.gateway(true)
    }

    /// Short name, unique among the labs of this machine.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Directory of this lab, in memory.
    pub fn directory(&self) -> PathBuf {
        leftovers::directory(&self.id)
    }

    /// Root file system all nodes start from.
    pub fn base(&self) -> &Path {
        &self.base
    }

    /// The packages under test.
    pub fn debs(&self) -> Result<Vec<PathBuf>> {
        debs(&self.packages)
    }

    /// Name of the network namespace, as `ip netns` knows it.
    pub fn namespace(&self) -> String {
        leftovers::namespace(&self.id)
    }

    /// A number no other part of this lab has got.
    pub fn unique(&self) -> u32 {
        self.counter.fetch_add(1, Ordering::Relaxed)
    }

    /// Runs `ip` in the lab's network.
    pub fn ip(&self, arguments: &[&str]) -> Result<()> {
        let namespace = self.namespace();
        let mut all = vec!["-n", namespace.as_str()];
        all.extend(arguments);
        host("ip", &all).map(drop)
    }

    /// Switches the gateway's address on or off; clients are not affected.
    pub fn gateway(&self, on: bool) -> Result<()> {
        let address = format!("{GATEWAY}/{PREFIX}");
        // `replace` and a tolerated failure: switching twice is no error.
        if on {
            self.ip(&["address", "replace", &address, "dev", "br0"])
        } else {
            let _ = self.ip(&["address", "delete", &address, "dev", "br0"]);
            Ok(())
        }
    }

    /// Starts a thread that lives in the lab's network, as a client would.
    pub fn spawn<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<JoinHandle<Result<T>>> {
        let path = Path::new("/run/netns").join(self.namespace());
        let namespace = File::open(path)?;
        Ok(std::thread::spawn(move || {
            setns(&namespace, CloneFlags::CLONE_NEWNET).context("failed to enter the lab's network")?;
            Ok(work())
        }))
    }

    /// Does `work` in the lab's network and waits for it.
    pub fn as_client<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        self.spawn(work)?.join().map_err(|_| anyhow::anyhow!("client thread panicked"))?
    }

    /// Leaves the lab running when this program ends.
    pub fn keep(&self) -> Result<()> {
        leftovers::keep(&self.id)?;
        self.kept.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Whether [`Lab::keep`] was called.
    pub fn kept(&self) -> bool {
        self.kept.load(Ordering::Relaxed)
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if self.kept() {
            return;
        }
        if let Err(error) = leftovers::take_down(&self.id) {
            eprintln!("lab: {error:#}");
        }
    }
}

/// All packages in a directory, which holds one of each.
///
/// # Errors
/// There are none.
pub fn debs(directory: &Path) -> Result<Vec<PathBuf>> {
    let missing = || format!("no packages in {}: run scripts/package", directory.display());
    let mut debs: Vec<PathBuf> = fs::read_dir(directory)
        .with_context(missing)?
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "deb"))
        .collect();
    debs.sort();
    if debs.is_empty() { Err(anyhow::anyhow!(missing())) } else { Ok(debs) }
}
