//! What the soak breaks: rows of the failure table, each with its documented way
//! back. Left out are those that end in an operator's decision (F9, F10, F21) and
//! those that need a setup of their own.

use std::thread::sleep;
use std::time::Duration;

use anyhow::Result;
use nix::sys::signal::Signal;

use crate::faults::Direction;
use crate::node::Node;
use crate::options::{API_PORT, PREFIX};
use crate::product::ap_mode;

/// One of them.
#[derive(Clone, Copy)]
pub struct Fault {
    /// Its row in section 7 of the design.
    pub row: &'static str,
    /// What it is, for the line that is printed.
    pub name: &'static str,
    /// What must come of it.
    pub tale: Tale,
}

/// Does something to a node.
type Act = fn(&Node) -> Result<()>;

/// What must come of a fault, and how.
#[derive(Clone, Copy)]
pub enum Tale {
    /// The active breaks, the standby serves. Mended, the broken one rests in `m`.
    Failover(Act, Act),
    /// The standby is lost, the active goes on; the second act brings it back.
    Lost(Act, Act),
    /// The active goes on, or breaks; a busy machine decides.
    Either(Act),
    /// Done to the active for some time; nobody changes.
    Endured(fn(&Node, Duration) -> Result<()>),
    /// The same, done to the standby.
    Unnoticed(fn(&Node, Duration) -> Result<()>),
    /// Both lose power; `ap-mode start` on both brings the pair back.
    BothOff,
}

use Tale::{BothOff, Either, Endured, Failover, Lost, Unnoticed};

const DB: &str = "mariadb.service";
const API: &str = "demo-api.service";
const VRRP: &str = "keepalived.service";
const NOTIFY: &str = "ap-notify.service";

const fn fault(row: &'static str, name: &'static str, tale: Tale) -> Fault {
    Fault { row, name, tale }
}

/// All of them.
pub const FAULTS: &[Fault] = &[
    fault("F1", "power off", Failover(Node::power_off, on)),
    fault("F2", "cable cut", Failover(Node::cut_cable, Node::plug_cable)),
    fault("F2", "link down", Failover(Node::link_down, Node::link_up)),
    fault("F2", "address removed", Failover(|node| node.remove_address(&own(node)), add_address)),
    fault("F2", "port cut", Failover(Node::isolate, Node::rejoin)),
    fault("F3", "keepalived killed", Failover(|node| kill(node, VRRP), nothing)),
    fault("F3", "keepalived's parent killed", Failover(|node| node.signal_main(VRRP, Signal::SIGKILL), nothing)),
    fault("F3", "keepalived stopped", Failover(|node| stop(node, VRRP), nothing)),
    fault("F4", "API killed", Failover(|node| kill(node, API), nothing)),
    fault("F4", "API stopped", Failover(|node| stop(node, API), nothing)),
    fault("F4", "API hangs", Failover(|node| hang(node, API), nothing)),
    fault("F4", "API's port closed", Failover(|node| reject(node, "-I"), |node| reject(node, "-D"))),
    fault("F5", "database killed", Failover(|node| kill(node, DB), nothing)),
    fault("F5", "database stopped", Failover(|node| stop(node, DB), nothing)),
    fault("F5", "database hangs", Failover(|node| hang(node, DB), nothing)),
    fault("F5", "disk full", Failover(Node::fill_disk, Node::free_disk)),
    fault("F6", "standby: power off", Lost(Node::power_off, on_and_start)),
    fault("F6", "standby: cable cut", Lost(Node::cut_cable, Node::plug_cable)),
    fault("F6", "standby: keepalived killed", Lost(|node| kill(node, VRRP), start)),
    fault("F6", "standby: API killed", Lost(|node| kill(node, API), start)),
    fault("F6", "standby: database killed", Lost(|node| kill(node, DB), start)),
    fault("F6", "standby: database hangs", Lost(|node| hang(node, DB), |node| signal(node, DB, Signal::SIGCONT))),
    fault("F6", "standby: replication stopped", Lost(stop_replication, nothing)),
    fault("F7", "standby: port cut", Lost(Node::isolate, Node::rejoin)),
    fault("F8", "both off", BothOff),
    fault("F11", "large transaction, power off", Failover(large_then_off, on)),
    fault("F12", "ap-notify killed", Endured(|node, _| kill(node, NOTIFY))),
    fault("F12", "standby: ap-notify killed", Unnoticed(|node, _| kill(node, NOTIFY))),
    fault("F12", "ap-notify and database killed", Failover(|node| kill(node, NOTIFY).and(kill(node, DB)), nothing)),
    // keepalived gives the VIP away when it is gone; ap-notify puts it back.
    fault("F14", "VIP removed", Either(remove_vip)),
    fault("F18", "frozen", Failover(Node::freeze, Node::thaw)),
    fault("F18", "frozen briefly", Endured(|node, _| frozen(node, BRIEF))),
    fault("F18", "standby: frozen", Unnoticed(frozen)),
    fault("F19", "VRRP blocked", Lost(|node| node.block_vrrp(Direction::Both), unblock_and_restart)),
    fault("F20", "gateway off", Endured(gateway_off)),
];

/// Well below keepalived's detection, 0.3 s.
const BRIEF: Duration = Duration::from_millis(120);
/// Rows of the large transaction.
const ROWS: u32 = 100_000;

fn nothing(_: &Node) -> Result<()> {
    Ok(())
}

fn signal(node: &Node, unit: &str, signal: Signal) -> Result<()> {
    node.signal_unit(unit, signal).map(drop)
}

fn kill(node: &Node, unit: &str) -> Result<()> {
    signal(node, unit, Signal::SIGKILL)
}

fn hang(node: &Node, unit: &str) -> Result<()> {
    signal(node, unit, Signal::SIGSTOP)
}

fn stop(node: &Node, unit: &str) -> Result<()> {
    node.run(&format!("systemctl stop {unit}")).map(drop)
}

fn on(node: &Node) -> Result<()> {
    node.power_on().map(drop)
}

fn start(node: &Node) -> Result<()> {
    ap_mode(node, "start").map(drop)
}

fn on_and_start(node: &Node) -> Result<()> {
    on(node).and_then(|()| start(node))
}

fn own(node: &Node) -> String {
    format!("{}/{PREFIX}", node.address())
}

/// The default route went with the address.
fn add_address(node: &Node) -> Result<()> {
    let nic = node.nic();
    node.run(&format!("ip address add {} dev '{nic}'; networkctl reconfigure '{nic}'", own(node))).map(drop)
}

/// A firewall rule that does not belong there.
fn reject(node: &Node, how: &str) -> Result<()> {
    node.run(&format!("iptables -w {how} INPUT -p tcp --dport {API_PORT} -j REJECT --reject-with tcp-reset")).map(drop)
}

/// Nobody has to mend it: a standby replicates.
fn stop_replication(node: &Node) -> Result<()> {
    node.sql("SET GLOBAL rpl_semi_sync_slave_enabled=OFF; STOP SLAVE").map(drop)
}

/// What was acknowledged last takes the standby a moment to apply.
fn large_then_off(node: &Node) -> Result<()> {
    node.sql(&format!(
        "USE lab; CREATE TABLE IF NOT EXISTS lab.large (k INT PRIMARY KEY, x CHAR(100)); TRUNCATE lab.large; \
         INSERT INTO lab.large SELECT seq, REPEAT('x', 100) FROM seq_1_to_{ROWS}"
    ))?;
    node.power_off()
}

fn remove_vip(node: &Node) -> Result<()> {
    node.run(&format!("ip address delete \"$(ip -o -4 address | grep -o '[0-9.]*/32')\" dev '{}'", node.nic()))
        .map(drop)
}

fn frozen(node: &Node, long: Duration) -> Result<()> {
    node.freeze()?;
    sleep(long);
    node.thaw()
}

/// It would try again by itself within a minute.
fn unblock_and_restart(node: &Node) -> Result<()> {
    node.unblock_vrrp(Direction::Both)?;
    ap_mode(node, "restart").map(drop)
}

/// At least for as long as being cut off takes to be believed.
fn gateway_off(node: &Node, long: Duration) -> Result<()> {
    node.lab().gateway(false)?;
    sleep(Duration::from_secs(3) + long);
    node.lab().gateway(true)
}
