//! Faults, each as near to the real one as a container allows.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::node::{Node, Port};
use crate::wait::{equals, wait_for};

/// Which way VRRP is blocked at a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// The node hears no adverts.
    In,
    /// The node's adverts are not heard.
    Out,
    /// Neither.
    Both,
}

impl Node {
    /// Pulls the cable: no carrier, no packets.
    pub fn cut_cable(&self) -> Result<()> {
        self.set_port(Port { carrier: false, ..self.port() })
    }

    /// Plugs the cable in again.
    pub fn plug_cable(&self) -> Result<()> {
        self.set_port(Port { carrier: true, ..self.port() })
    }

    /// Takes the port out of the bridge: the carrier stays, nothing is heard,
    /// as behind a switch that died.
    pub fn isolate(&self) -> Result<()> {
        self.set_port(Port { bridged: false, ..self.port() })
    }

    /// Puts the port into the bridge again.
    pub fn rejoin(&self) -> Result<()> {
        self.set_port(Port { bridged: true, ..self.port() })
    }

    /// Isolated ports do not hear each other but do hear gateway and clients;
    /// set on both nodes this is the partition that no pair can see through.
    pub fn set_isolated(&self, isolated: bool) -> Result<()> {
        self.set_port(Port { isolated, ..self.port() })
    }

    /// Takes the interface down inside the node.
    pub fn link_down(&self) -> Result<()> {
        self.run(&format!("ip link set '{}' down", self.nic())).map(drop)
    }

    /// Brings the interface up inside the node.
    pub fn link_up(&self) -> Result<()> {
        self.run(&format!("ip link set '{}' up", self.nic())).map(drop)
    }

    /// Removes an address (with its prefix length) inside the node.
    pub fn remove_address(&self, address: &str) -> Result<()> {
        self.run(&format!("ip address delete {address} dev '{}'", self.nic())).map(drop)
    }

    /// Drops VRRP (IP protocol 112) at the node's firewall.
    pub fn block_vrrp(&self, direction: Direction) -> Result<()> {
        for chain in chains(direction) {
            self.run(&format!("iptables -w -I {chain} -p 112 -j DROP"))?;
        }
        Ok(())
    }

    /// Undoes [`Node::block_vrrp`].
    pub fn unblock_vrrp(&self, direction: Direction) -> Result<()> {
        for chain in chains(direction) {
            self.run(&format!("iptables -w -D {chain} -p 112 -j DROP"))?;
        }
        Ok(())
    }

    /// Fills the node's disk to the last byte.
    pub fn fill_disk(&self) -> Result<()> {
        // fallocate takes most of it at once, cat the rest that is left in pieces.
        self.run("fallocate -l $(df --output=avail -B1 / | tail -1) /filler; cat /dev/zero >>/filler || true").map(drop)
    }

    /// Frees what [`Node::fill_disk`] took.
    pub fn free_disk(&self) -> Result<()> {
        self.run("rm -f /filler").map(drop)
    }

    /// Stops every process of the node at once, as a hypervisor does to a
    /// machine it moves. Waits until all stand still.
    pub fn freeze(&self) -> Result<()> {
        self.set_frozen(true)?;
        let events = self.group().join("cgroup.events");
        let what = format!("node {} to be frozen", self.name());
        wait_for(&what, Duration::from_secs(5), || {
            let frozen = fs::read_to_string(&events)?.lines().any(|line| line == "frozen 1");
            Ok(equals(frozen, &true))
        })
        .map(drop)
    }

    /// Lets a frozen node go on.
    pub fn thaw(&self) -> Result<()> {
        self.set_frozen(false)
    }

    pub(crate) fn set_frozen(&self, frozen: bool) -> Result<()> {
        fs::write(self.group().join("cgroup.freeze"), if frozen { "1" } else { "0" })
            .with_context(|| format!("failed to freeze or thaw node {}", self.name()))
    }

    /// Sends a signal to all processes of a unit, from outside the node, within
    /// microseconds of each other. Returns how many there were.
    pub fn signal_unit(&self, unit: &str, signal: Signal) -> Result<usize> {
        let processes = self.unit_processes(unit);
        ensure!(!processes.is_empty(), "{unit} has no processes on node {}", self.name());
        for &process in &processes {
            // One of them may have ended with the one before.
            let _ = kill(Pid::from_raw(process), signal);
        }
        Ok(processes.len())
    }

    /// Sends a signal to the main process of a unit only.
    pub fn signal_main(&self, unit: &str, signal: Signal) -> Result<()> {
        kill(Pid::from_raw(self.pid_of(unit)?), signal)
            .with_context(|| format!("failed to signal {unit} on node {}", self.name()))
    }
}

/// Starves the processors of the host, and with them those of both nodes, until dropped.
pub struct Load(Vec<Child>);

impl Load {
    /// Starts that many busy loops, outside the nodes' control groups.
    pub fn start(loops: usize) -> Result<Self> {
        let mut load = Self(Vec::new());
        for _ in 0..loops {
            // They end with the lab, and hold none of its pipes open.
            let mut command = Command::new("setpriv");
            command.args(["--pdeathsig", "KILL", "sh", "-c", "while :; do :; done"]);
            load.0.push(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?);
        }
        Ok(load)
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn chains(direction: Direction) -> &'static [&'static str] {
    match direction {
        Direction::In => &["INPUT"],
        Direction::Out => &["OUTPUT"],
        Direction::Both => &["INPUT", "OUTPUT"],
    }
}
