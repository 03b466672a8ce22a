//! Facts about keepalived: what it tracks, what it tells, timers and the VIP.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;

use super::vrrp::{ADVERT, INTERVAL, PRIORITIES, STOP_READER, UNIT, Vrrps};
use super::{Row, lasts, row, stays};
use crate::faults::Direction;
use crate::pair::Pair;

/// In the order of the document.
pub const ROWS: &[Row] = &[
    row("first-check-decides", first_check_decides),
    row("fall-and-rise", fall_and_rise),
    row("track-file-faults", track_file_faults),
    row("track-file-missing-is-good", track_file_missing),
    row("fifo-lines", fifo_lines),
    row("fifo-order", fifo_order),
    row("fifo-is-kept", fifo_is_kept),
    row("fault-resigns-before-the-vip-goes", fault_resigns),
    row("stop-says-stop", stop_says_stop),
    row("takeover-after-loss", takeover_after_loss),
    row("takeover-after-resignation", takeover_after_resignation),
    row("nopreempt", nopreempt),
    row("two-masters-settle", two_masters_settle),
    row("kill-leaves-the-vip", kill_leaves_the_vip),
    row("kill-of-one-process", kill_of_one_process),
];

/// What a busy machine adds to milliseconds.
const SLACK: Duration = Duration::from_millis(150);

/// The time between two moments, which must be within these bounds.
fn between(what: &str, from: f64, to: f64, bounds: (Duration, Duration)) -> Result<Duration> {
    let took = Duration::try_from_secs_f64(to - from).with_context(|| format!("{what}: {to} is before {from}"))?;
    lasts(what, took, bounds.0, bounds.1)?;
    Ok(took)
}

/// The skew of a node's priority.
fn skew(priority: u32) -> Duration {
    ADVERT * (256 - priority) / 256
}

fn first_check_decides(pair: &Pair) -> Result<String> {
    let vrrps = Vrrps::stopped(pair)?;
    let bounds = (Duration::ZERO, INTERVAL - SLACK);
    vrrps.a.set_bad(true)?;
    let fault = between("FAULT", vrrps.a.at("systemctl start keepalived")?, vrrps.a.tells("FAULT")?, bounds)?;
    let good = between("BACKUP", vrrps.b.at("systemctl start keepalived")?, vrrps.b.told("BACKUP")?, bounds)?;
    Ok(format!("with fall 2 and rise 2: FAULT {fault:.2?} after the start, BACKUP {good:.2?}"))
}

fn fall_and_rise(pair: &Pair) -> Result<String> {
    let vrrps = Vrrps::fresh(pair)?;
    let bounds = (INTERVAL - SLACK, INTERVAL * 2 + SLACK * 2);
    let fall = between("FAULT", vrrps.a.set_bad(true)?, vrrps.a.tells("FAULT")?, bounds)?;
    let rise = between("BACKUP", vrrps.a.set_bad(false)?, vrrps.a.tells("BACKUP")?, bounds)?;
    Ok(format!("one check a second, fall 2 and rise 2: FAULT after {fall:.2?}, over after {rise:.2?}"))
}

fn track_file_faults(pair: &Pair) -> Result<String> {
    let vrrps = Vrrps::fresh(pair)?;
    let bounds = (Duration::ZERO, SLACK);
    let written = between("FAULT", vrrps.a.set_fault(1)?, vrrps.a.tells("FAULT")?, bounds)?;
    vrrps.a.set_fault(0)?;
    vrrps.a.tells("BACKUP")?;
    let renamed = vrrps.a.at("echo 1 >/run/facts/new; mv /run/facts/new /run/facts/fault")?;
    let renamed = between("FAULT", renamed, vrrps.a.tells("FAULT")?, bounds)?;
    Ok(format!("FAULT {written:.0?} after a write, {renamed:.0?} after a rename"))
}

fn track_file_missing(pair: &Pair) -> Result<String> {
    let vrrps = Vrrps::stopped(pair)?;
    vrrps.a.node.run("rm /run/facts/fault")?;
    vrrps.b.node.run(": >/run/facts/fault")?;
    vrrps.a.start()?;
    vrrps.a.tells("MASTER")?;
    vrrps.b.start()?;
    vrrps.b.tells("BACKUP")?;
    vrrps.a.set_fault(1)?;
    vrrps.a.tells("FAULT")?;
    vrrps.a.node.run("rm /run/facts/fault")?;
    vrrps.a.tells("BACKUP")?;
    Ok("MASTER without one, BACKUP with an empty one, FAULT ended by its removal".into())
}

fn fifo_lines(pair: &Pair) -> Result<String> {
    let vrrps = Vrrps::fresh(pair)?;
    vrrps.a.set_fault(1)?;
    vrrps.a.tells("FAULT")?;
    vrrps.a.node.run("systemctl stop keepalived")?;
    vrrps.a.tells("STOP")?;
    let lines: Vec<_> = vrrps.a.lines()?.into_iter().map(|line| line.text).collect();
    let expected = ["BACKUP", "MASTER", "FAULT", "STOP"].map(|state| format!("INSTANCE \"ap\" {state} 254"));
    ensure!(lines == expected, "{lines:?}");
    Ok(lines.join(", "))
}

fn fifo_order(pair: &Pair) -> Result<String> {
    let vrrps = Vrrps::fresh(pair)?;
    let flaps = "for n in $(seq 25); do echo 1 >/run/facts/fault; sleep 0.007; echo 0 >/run/facts/fault; \
                 sleep 0.007; done; echo 1 >/run/facts/fault";
    vrrps.b.node.run(flaps)?;
    vrrps.b.tells("FAULT")?;
    stays("the last line", || Ok(vrrps.b.states()?.last().is_some_and(|state| state == "FAULT")))?;
    let states = vrrps.b.states()?;
    let twice = states.windows(2).filter(|two| two[0] == two[1]).count();
    ensure!(twice == 0, "twice the same: {states:?}");
    Ok(format!("{} lines, each another than the one before", states.len()))
}

fn fifo_is_kept(pair: &Pair) -> Result<String> {
    let vrrps = Vrrps::fresh(pair)?;
    let file = "stat -c %i /run/facts/fifo";
    let before = vrrps.a.node.run(file)?;
    vrrps.a.node.run(STOP_READER)?;
    vrrps.a.set_fault(1)?;
    vrrps.b.tells("MASTER")?;
    vrrps.a.start_reader()?;
    vrrps.a.tells("FAULT")?;
    vrrps.a.node.run("systemctl restart keepalived")?;
    ensure!(vrrps.a.node.run(file)? == before, "another FIFO");
    Ok("FAULT was told to nobody and read later; the same file after a restart".into())
}

/// Places in a trace: priority 0 is sent, the VIP is removed.
fn resigned_and_removed(trace: &[String]) -> Result<(usize, usize)> {
    // VRRP 3 of router 77, priority 0; the packet may begin with its IP header.
    let resigned = trace.iter().position(|line| line.contains(r"\x31\x4d\x00"));
    let removed = trace.iter().position(|line| line.contains("RTM_DELADDR"));
    resigned.zip(removed).with_context(|| format!("priority 0 {resigned:?}, removal {removed:?} in {trace:#?}"))
}

fn fault_resigns(pair: &Pair) -> Result<String> {
    let vrrps = Vrrps::fresh(pair)?;
    let trace = vrrps.a.traced("echo 1 >/run/facts/fault")?;
    let (resigned, removed) = resigned_and_removed(&trace)?;
    ensure!(resigned < removed, "the VIP goes first: {trace:#?}");
    vrrps.b.tells("MASTER")?;
    Ok("priority 0, then the removal of the VIP".into())
}

fn stop_says_stop(pair: &Pair) -> Result<String> {
    let vrrps = Vrrps::fresh(pair)?;
    let begun = vrrps.a.at("true")?;
    let trace = vrrps.a.traced("systemctl stop keepalived")?;
    let (resigned, removed) = resigned_and_removed(&trace)?;
    let said = trace.iter().position(|line| line.contains(" STOP ")).context("no STOP")?;
    ensure!(resigned < removed && removed < said, "another order: {trace:#?}");
    let told = vrrps.a.tells("STOP")?;
    let ended = between("the end", told, vrrps.a.at("true")?, (Duration::ZERO, Duration::from_secs(4)))?;
    ensure!(told > begun, "STOP of an earlier row");
    Ok(format!("priority 0, VIP removed, STOP, gone {ended:.1?} later"))
}

fn takeover_after_loss(pair: &Pair) -> Result<String> {
    let vrrps = Vrrps::fresh(pair)?;
    let lost = vrrps.a.at("iptables -w -I OUTPUT -p 112 -j DROP")?;
    let wait = ADVERT * 3 + skew(PRIORITIES[1]);
    // The last advert that was heard is up to one advert older.
    let took = between("MASTER", lost, vrrps.b.tells("MASTER")?, (ADVERT * 2, wait + SLACK))?;
    Ok(format!("MASTER {took:.0?} after the first advert that could not be heard"))
}

fn takeover_after_resignation(pair: &Pair) -> Result<String> {
    let vrrps = Vrrps::fresh(pair)?;
    vrrps.a.set_fault(1)?;
    let (resigned, master) = (vrrps.a.tells("FAULT")?, vrrps.b.tells("MASTER")?);
    // Told by two readers, which may come in either order.
    let took = between("MASTER", resigned.min(master), master, (Duration::ZERO, ADVERT))?;
    Ok(format!("{took:.1?} after FAULT was told, skew {:.1?}", skew(PRIORITIES[1])))
}

fn nopreempt(pair: &Pair) -> Result<String> {
    let vrrps = Vrrps::fresh(pair)?;
    vrrps.a.set_fault(1)?;
    vrrps.b.tells("MASTER")?;
    vrrps.a.set_fault(0)?;
    vrrps.a.tells("BACKUP")?;
    for _ in 0..3 {
        stays("a is BACKUP", || Ok(vrrps.a.states()?.last().is_some_and(|state| state == "BACKUP")))?;
    }
    ensure!(vrrps.b.has_vip()? && !vrrps.a.has_vip()?, "the VIP moved back");
    Ok("254 stayed BACKUP, 250 kept the VIP".into())
}

fn two_masters_settle(pair: &Pair) -> Result<String> {
    let vrrps = Vrrps::fresh(pair)?;
    vrrps.b.node.block_vrrp(Direction::In)?;
    vrrps.b.tells("MASTER")?;
    ensure!(vrrps.a.has_vip()? && vrrps.b.has_vip()?, "not two masters");
    let heard = vrrps.b.at("iptables -w -F")?;
    let took = between("BACKUP", heard, vrrps.b.tells("BACKUP")?, (Duration::ZERO, ADVERT + SLACK))?;
    vrrps.b.until_vip(false)?;
    ensure!(vrrps.a.has_vip()?, "254 gave way");
    Ok(format!("250 is BACKUP {took:.0?} after it could hear"))
}

fn kill_leaves_the_vip(pair: &Pair) -> Result<String> {
    let vrrps = Vrrps::fresh(pair)?;
    // At the same moment: the child of a parent that was killed leaves in order.
    vrrps.a.node.freeze()?;
    vrrps.a.node.signal_unit(UNIT, Signal::SIGKILL)?;
    vrrps.a.node.thaw()?;
    vrrps.b.tells("MASTER")?;
    vrrps.b.until_vip(true)?;
    stays("the VIP is on both", || Ok(vrrps.a.has_vip()? && vrrps.b.has_vip()?))?;
    Ok("on both nodes".into())
}

fn kill_of_one_process(pair: &Pair) -> Result<String> {
    let vrrps = Vrrps::fresh(pair)?;
    vrrps.a.node.run(&format!("kill -KILL {}", vrrps.a.child()?))?;
    vrrps.b.tells("MASTER")?;
    vrrps.a.told_all(&["BACKUP", "MASTER", "BACKUP"])?;
    vrrps.a.until_vip(false)?;
    vrrps.b.node.signal_main(UNIT, Signal::SIGKILL)?;
    vrrps.a.tells("MASTER")?;
    vrrps.b.until_vip(false)?;
    Ok("child: BACKUP at once, the VIP moved; parent: the VIP moved".into())
}
