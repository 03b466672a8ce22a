//! Two nodes on one bridge, and snapshots to boot them from.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, anyhow};

use crate::command::host;
use crate::lab::Lab;
use crate::node::Node;
use crate::options::{CLIENT, GATEWAY, Options, PREFIX};

/// Node `a` and node `b`, switched on.
pub struct Pair {
    /// The lab they live in.
    pub lab: Arc<Lab>,
    /// How they were set up.
    pub options: Options,
    /// The first host.
    pub a: Node,
    /// The second host.
    pub b: Node,
    /// When they were switched on.
    pub since: SystemTime,
    directory: Option<PathBuf>,
}

/// What a pair had on its disks when it was shut down; later pairs start from it.
pub struct Snapshot {
    directory: PathBuf,
    options: Options,
}

impl Pair {
    /// Boots two fresh nodes as Debian installs them.
    pub fn fresh(lab: &Arc<Lab>, options: Options) -> Result<Self> {
        Self::boot(lab, options, None)
    }

    /// Boots two nodes from a snapshot.
    pub fn from_snapshot(lab: &Arc<Lab>, snapshot: &Snapshot) -> Result<Self> {
        Self::boot(lab, snapshot.options.clone(), Some(snapshot))
    }

    fn boot(lab: &Arc<Lab>, options: Options, snapshot: Option<&Snapshot>) -> Result<Self> {
        lab.gateway(true)?;
        let directory = lab.directory().join(format!("pair-{}", lab.unique()));
        let node = |index: usize| {
            let name = ["a", "b"][index];
            let own = directory.join(name);
            fs::create_dir_all(&own)?;
            // A disk of its own, so that filling it is no one else's trouble. It
            // is memory, taken as it is used.
            let disk = format!("size={},mode=755", options.disk);
            let mount = ["-t", "tmpfs", "-o", &disk, "lab", &own.to_string_lossy()];
            host("mount", &mount)?;
            let layer = snapshot.map(|snapshot| snapshot.directory.join(name).join("upper"));
            let mut lower = Vec::from_iter(layer.as_deref());
            lower.push(lab.base());
            let (nic, address) = (options.nics[index], options.addresses[index]);
            let node = Node::new(lab, name, nic, address, &own, &lower)?.with_environment(options.environment);
            if snapshot.is_none() {
                individualise(&node, &options)?;
            }
            Ok::<_, anyhow::Error>(node)
        };
        let pair = Self {
            a: node(0)?,
            b: node(1)?,
            lab: Arc::clone(lab),
            options,
            since: SystemTime::now(),
            directory: Some(directory),
        };
        pair.power_on()?;
        Ok(pair)
    }

    /// Both nodes.
    pub fn nodes(&self) -> [&Node; 2] {
        [&self.a, &self.b]
    }

    /// The other node.
    pub fn peer(&self, node: &Node) -> &Node {
        if node.name() == self.a.name() { &self.b } else { &self.a }
    }

    /// Does something on both nodes at the same time.
    pub fn both<T: Send>(&self, work: impl Fn(&Node) -> Result<T> + Sync) -> Result<[T; 2]> {
        let (a, b) = std::thread::scope(|scope| {
            let b = scope.spawn(|| work(&self.b));
            let a = work(&self.a);
            (a, b.join())
        });
        let b = b.map_err(|_| anyhow!("panicked on node b"))?;
        Ok([a?, b?])
    }

    /// Switches both on and waits for their boots. Returns how long each took.
    pub fn power_on(&self) -> Result<[Duration; 2]> {
        self.both(Node::power_on)
    }

    /// Cuts the nodes off from each other, while both still reach the gateway
    /// and the clients.
    pub fn partition(&self) -> Result<()> {
        self.nodes().into_iter().try_for_each(|node| node.set_isolated(true))
    }

    /// Undoes [`Pair::partition`].
    pub fn heal(&self) -> Result<()> {
        self.nodes().into_iter().try_for_each(|node| node.set_isolated(false))
    }

    /// Shuts both down in order and keeps what is on their disks.
    pub fn into_snapshot(mut self) -> Result<Snapshot> {
        self.both(Node::shutdown)?;
        let directory = self.directory.take();
        Ok(Snapshot {
            directory: directory.ok_or_else(|| anyhow!("a snapshot was made already"))?,
            options: self.options.clone(),
        })
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        if self.lab.kept() {
            return;
        }
        // A failure is reported by the nodes themselves, who try once more.
        if let (Ok(_), Some(directory)) = (self.both(Node::power_off), &self.directory)
            && let Err(error) = remove(directory)
        {
            eprintln!("lab: {error:#}");
        }
    }
}

fn remove(directory: &Path) -> Result<()> {
    for name in ["a", "b"] {
        host("umount", &["-l", &directory.join(name).to_string_lossy()])?;
    }
    fs::remove_dir_all(directory).with_context(|| format!("failed to remove {}", directory.display()))
}

/// What an installer would have asked for: name, identity, network.
fn individualise(node: &Node, options: &Options) -> Result<()> {
    let etc = node.upper().join("etc");
    let network = etc.join("systemd/network");
    fs::create_dir_all(&network)?;
    fs::write(etc.join("hostname"), format!("{}\n", node.name()))?;
    let identity = fs::read_to_string("/proc/sys/kernel/random/uuid")?.replace('-', "");
    fs::write(etc.join("machine-id"), identity)?;
    let [a, b] = options.addresses;
    fs::write(etc.join("hosts"), format!("127.0.0.1 localhost\n{a} a\n{b} b\n{GATEWAY} gateway\n{CLIENT} client\n"))?;
    let (nic, address) = (node.nic(), node.address());
    // KeepConfiguration: addresses that keepalived adds are not networkd's to remove.
    Ok(fs::write(
        network.join("10-lab.network"),
        format!(
            "[Match]\nName={nic}\n\n[Network]\nAddress={address}/{PREFIX}\nGateway={GATEWAY}\n\
             KeepConfiguration=yes\nLinkLocalAddressing=no\nIPv6AcceptRA=no\n"
        ),
    )?)
}
