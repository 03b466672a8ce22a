//! A pair of keepalived by themselves: one instance, adverts of 0.1 s, a check and a
//! `track_file`, and what they tell, with the moment.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;

use crate::node::Node;
use crate::pair::Pair;
use crate::wait::{Seen, equals, holds, wait_for};

/// How long keepalived gets to do what a fact says.
pub const SOON: Duration = Duration::from_secs(10);
/// Its unit.
pub const UNIT: &str = "keepalived.service";
/// Time between two adverts.
pub const ADVERT: Duration = Duration::from_millis(100);
/// Time between two runs of the check; whole seconds on old releases.
pub const INTERVAL: Duration = Duration::from_secs(1);
/// Priorities on node `a` and node `b`.
pub const PRIORITIES: [u32; 2] = [254, 250];

/// Takes lines out of the FIFO and writes down when.
const READER: &str = "exec 3<>/run/facts/fifo; \
    while read -r -u3 line; do echo \"$EPOCHREALTIME $line\" >>/run/facts/lines; done";
/// Ends the reader; lines stay in the FIFO then.
pub const STOP_READER: &str = "systemctl stop facts-reader";

/// Both nodes: `a` has the higher priority.
pub struct Vrrps<'a> {
    /// MASTER in the beginning.
    pub a: Vrrp<'a>,
    /// BACKUP in the beginning.
    pub b: Vrrp<'a>,
}

/// keepalived on one node.
#[derive(Clone, Copy)]
pub struct Vrrp<'a> {
    /// Its node.
    pub node: &'a Node,
    pair: &'a Pair,
}

/// A line of the FIFO, and when it came, in seconds since 1970.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// When it was read.
    pub at: f64,
    /// As keepalived wrote it.
    pub text: String,
}

impl<'a> Vrrps<'a> {
    /// `a` is MASTER, `b` is BACKUP, nothing is wrong.
    pub fn fresh(pair: &'a Pair) -> Result<Self> {
        let vrrps = Self::stopped(pair)?;
        vrrps.a.start()?;
        vrrps.a.tells("MASTER")?;
        vrrps.b.start()?;
        vrrps.b.tells("BACKUP")?;
        Ok(vrrps)
    }

    /// Neither runs, nothing is left of an earlier row.
    pub fn stopped(pair: &'a Pair) -> Result<Self> {
        let [a, b] = pair.nodes().map(|node| Vrrp { node, pair });
        pair.both(|node| Vrrp { node, pair }.rest())?;
        Ok(Self { a, b })
    }
}

impl Vrrp<'_> {
    fn rest(&self) -> Result<()> {
        let vip = self.pair.options.vip;
        // Quicker than an end in order.
        let _ = self.node.signal_unit(UNIT, Signal::SIGKILL);
        self.node.write("/etc/keepalived/keepalived.conf", self.configuration().as_bytes(), "0644")?;
        self.node.run(&format!(
            "systemctl stop keepalived facts-reader; systemctl reset-failed; iptables -w -F; \
             ip address flush to {vip}; rm -rf /run/facts; mkdir -p /run/facts; mkfifo /run/facts/fifo; \
             echo 0 >/run/facts/fault; : >/run/facts/lines"
        ))?;
        self.start_reader()
    }

    fn configuration(&self) -> String {
        let of = usize::from(self.node.name() != "a");
        let (nic, own, other) = (self.node.nic(), self.node.address(), self.pair.peer(self.node).address());
        format!(
            "global_defs {{\n vrrp_version 3\n script_user root\n vrrp_notify_fifo /run/facts/fifo\n}}\n\
             vrrp_script check {{\n script \"/usr/bin/test ! -e /run/facts/bad\"\n interval {}\n timeout 1\n \
             fall 2\n rise 2\n}}\n\
             track_file fault {{\n file /run/facts/fault\n weight 0\n}}\n\
             vrrp_instance ap {{\n state BACKUP\n nopreempt\n interface {nic}\n virtual_router_id 77\n \
             priority {}\n advert_int {}\n unicast_src_ip {own}\n unicast_peer {{\n {other}\n }}\n \
             virtual_ipaddress {{\n {}/32 dev {nic}\n }}\n track_script {{\n check\n }}\n \
             track_file {{\n fault\n }}\n}}\n",
            INTERVAL.as_secs(),
            PRIORITIES[of],
            ADVERT.as_secs_f64(),
            self.pair.options.vip
        )
    }

    /// Reads the FIFO from here on.
    pub fn start_reader(&self) -> Result<()> {
        self.node.write("/run/facts/reader", READER.as_bytes(), "0755")?;
        self.node.run("systemd-run --quiet --unit=facts-reader bash /run/facts/reader").map(drop)
    }

    /// Starts keepalived.
    pub fn start(&self) -> Result<()> {
        self.node.run("systemctl start keepalived").map(drop)
    }

    /// Runs a command; returns when it began, in seconds since 1970.
    pub fn at(&self, command: &str) -> Result<f64> {
        let text = self.node.run(&format!("echo $EPOCHREALTIME; {command}"))?;
        text.lines().next().and_then(|word| word.parse().ok()).context("no time")
    }

    /// Has its `track_file` say good (0) or bad (1); returns when.
    pub fn set_fault(&self, value: u8) -> Result<f64> {
        self.at(&format!("echo {value} >/run/facts/fault"))
    }

    /// Has its check fail, or not; returns when.
    pub fn set_bad(&self, bad: bool) -> Result<f64> {
        self.at(if bad { "touch /run/facts/bad" } else { "rm -f /run/facts/bad" })
    }

    /// All lines so far.
    pub fn lines(&self) -> Result<Vec<Line>> {
        let text = self.node.run("cat /run/facts/lines")?;
        let line = |line: &str| {
            let (at, text) = line.split_once(' ')?;
            Some(Line { at: at.parse().ok()?, text: text.to_owned() })
        };
        text.lines().map(|text| line(text).with_context(|| format!("line {text:?}"))).collect()
    }

    /// States in the order of the lines.
    pub fn states(&self) -> Result<Vec<String>> {
        let state = |line: Line| line.text.split(' ').nth(2).unwrap_or_default().to_owned();
        Ok(self.lines()?.into_iter().map(state).collect())
    }

    /// Waits until the last line tells this state; returns when that came.
    pub fn tells(&self, state: &str) -> Result<f64> {
        wait_for(&format!("{state} on {}", self.node.name()), SOON, || {
            let line = self.lines()?.pop();
            Ok(match line {
                Some(line) if line.text.contains(&format!(" {state} ")) => Seen::Done(line.at),
                other => Seen::Not(format!("{other:?}")),
            })
        })
        .map(|(at, _)| at)
    }

    /// Waits until some line tells this state; returns when that came.
    pub fn told(&self, state: &str) -> Result<f64> {
        wait_for(&format!("{state} on {}", self.node.name()), SOON, || {
            let lines = self.lines()?;
            let found = lines.iter().find(|line| line.text.contains(&format!(" {state} ")));
            Ok(found.map_or_else(|| Seen::Not(format!("{lines:?}")), |line| Seen::Done(line.at)))
        })
        .map(|(at, _)| at)
    }

    /// Waits until these are the states told so far.
    pub fn told_all(&self, states: &[&str]) -> Result<()> {
        wait_for("the lines", SOON, || {
            let told = self.states()?;
            Ok(if told == states { Seen::Done(()) } else { Seen::Not(format!("{told:?}")) })
        })
        .map(drop)
    }

    /// Whether the VIP is on its interface.
    pub fn has_vip(&self) -> Result<bool> {
        Ok(self.node.run(&format!("ip -o address show to {}", self.pair.options.vip))?.contains("/32"))
    }

    /// Waits until the VIP is on its interface, or is not.
    pub fn until_vip(&self, expected: bool) -> Result<()> {
        wait_for("the VIP", SOON, || Ok(equals(self.has_vip()?, &expected))).map(drop)
    }

    /// Writes down what it sends, and what it does to addresses, while it is told to
    /// do something, until it has given the VIP away. Returns the lines of strace.
    pub fn traced(&self, command: &str) -> Result<Vec<String>> {
        let child = self.child()?;
        // The child alone: the parent of 2.1.5 gives up on it when it is traced as well.
        let trace = format!("strace -f -x -s 64 -e trace=sendmsg,sendto,write -o /run/facts/trace -p {child}");
        self.node.run(&format!("systemd-run --quiet --unit=facts-strace {trace}"))?;
        let traced = format!("grep -q '^TracerPid:.[1-9]' /proc/{child}/status");
        wait_for("strace", SOON, || Ok(holds(self.node.sh(&traced, SOON)?.code == 0)))?;
        self.node.run(command)?;
        self.until_vip(false)?;
        self.node.run("systemctl stop facts-strace 2>/dev/null; true")?;
        Ok(self.node.run("cat /run/facts/trace")?.lines().map(str::to_owned).collect())
    }

    /// The process that speaks VRRP, as the node numbers it.
    pub fn child(&self) -> Result<String> {
        let child = self.node.run("pgrep -P $(systemctl show --value -p MainPID keepalived)")?;
        ensure!(!child.is_empty() && !child.contains('\n'), "children of keepalived: {child:?}");
        Ok(child)
    }
}
