//! Facts about systemd.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use nix::sys::signal::Signal;

use super::servers::{self, SOON};
use super::{Row, lasts, row, stays};
use crate::node::Node;
use crate::pair::Pair;
use crate::wait::{Seen, equals, wait_for};

/// In the order of the document.
pub const ROWS: &[Row] = &[
    row("start-only-queues", start_only_queues),
    row("masked-unit-does-not-start", masked_does_not_start),
    row("unit-in-etc-cannot-be-masked", etc_cannot_be_masked),
    row("masked-while-running", masked_while_running),
    row("exec-stop-post-sees-the-result", exec_stop_post),
    row("exec-needs-plus-for-run", exec_needs_plus),
    row("mariadb-restarts-after-a-crash", mariadb_restarts),
    row("socket-outlives-its-service", socket_outlives),
    row("fifo-outlives-its-reader", fifo_outlives),
    row("limits-stop-a-flapping-service", limits_stop),
];

/// The unit of these rows.
const UNIT: &str = "facts.service";
/// Where packages put units.
const PACKAGED: &str = "/usr/lib/systemd/system";

/// A node with this service, and nothing else of these rows.
fn with<'a>(pair: &'a Pair, directory: &str, service: &str) -> Result<&'a Node> {
    let node = &pair.a;
    node.run(&format!(
        "systemctl unmask -q {UNIT}; systemctl stop 'facts*' 2>/dev/null; \
         rm -rf /run/facts {{/etc,/run,{PACKAGED}}}/{{systemd/system,.}}/facts.*; mkdir -p /run/facts"
    ))?;
    node.write(&format!("{directory}/{UNIT}"), service.as_bytes(), "0644")?;
    node.run("systemctl daemon-reload; systemctl reset-failed")?;
    Ok(node)
}

/// Waits until a file of these rows holds these lines.
fn holds(node: &Node, file: &str, lines: &str) -> Result<()> {
    let read = format!("cat /run/facts/{file}");
    wait_for(file, SOON, || Ok(equals(node.run(&read)?.as_str(), &lines))).map(drop)
}

fn start_only_queues(pair: &Pair) -> Result<String> {
    let node = with(
        pair,
        PACKAGED,
        "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'until test -e /run/facts/go; do sleep 0.02; done'\n",
    )?;
    let begun = Instant::now();
    let manager = "org.freedesktop.systemd1 /org/freedesktop/systemd1 org.freedesktop.systemd1.Manager";
    let job = node.run(&format!("busctl call {manager} StartUnit ss {UNIT} replace"))?;
    let took = begun.elapsed();
    lasts("the call", took, Duration::ZERO, Duration::from_millis(500))?;
    let state = node.sh(&format!("systemctl is-active {UNIT}"), SOON)?.stdout;
    ensure!(state == "activating", "the unit is {state}");
    ensure!(node.run("systemctl list-jobs --no-legend")?.contains(UNIT), "no job");
    node.run("touch /run/facts/go")?;
    wait_for("the job to end", SOON, || {
        Ok(equals(node.run("systemctl list-jobs --no-legend")?.contains(UNIT), &false))
    })?;
    Ok(format!("{job} after {took:.0?}, the unit activating"))
}

const SLEEPER: &str = "[Service]\nExecStart=/bin/sleep infinity\n";

fn masked_does_not_start(pair: &Pair) -> Result<String> {
    let node = with(pair, PACKAGED, SLEEPER)?;
    node.run(&format!("systemctl mask -q {UNIT}"))?;
    let refused = node.sh(&format!("systemctl start {UNIT}"), SOON)?;
    ensure!(refused.code != 0 && refused.stderr.contains("is masked"), "{refused:?}");
    Ok(refused.stderr)
}

fn etc_cannot_be_masked(pair: &Pair) -> Result<String> {
    let node = with(pair, "/etc/systemd/system", SLEEPER)?;
    let refused = node.sh(&format!("systemctl mask {UNIT}"), SOON)?;
    ensure!(refused.code != 0, "it is masked");
    Ok(refused.stderr)
}

fn masked_while_running(pair: &Pair) -> Result<String> {
    let node = with(pair, PACKAGED, SLEEPER)?;
    let drop_in = b"[Service]\nExecStopPost=/bin/touch /run/facts/post\n";
    node.write(&format!("/etc/systemd/system/{UNIT}.d/post.conf"), drop_in, "0644")?;
    node.run(&format!("systemctl daemon-reload; systemctl start {UNIT}; systemctl mask -q {UNIT}"))?;
    node.run(&format!("systemctl daemon-reload; systemctl stop {UNIT}; systemctl unmask -q {UNIT}"))?;
    let ran = node.sh("test -e /run/facts/post", SOON)?.code == 0;
    let release = node.run("systemctl --version | awk 'NR==1 {print $2}'")?;
    ensure!(ran == (release.parse::<u32>()? < 257), "systemd {release}: ExecStopPost {ran}");
    Ok(format!("systemd {release}: ExecStopPost {}", if ran { "ran" } else { "did not run" }))
}

fn exec_stop_post(pair: &Pair) -> Result<String> {
    let post = "ExecStopPost=/bin/sh -c 'echo $SERVICE_RESULT $EXIT_CODE $EXIT_STATUS >/run/facts/post'\n";
    let node = with(pair, PACKAGED, &format!("{SLEEPER}{post}"))?;
    node.run(&format!("systemctl start {UNIT}"))?;
    node.signal_unit(UNIT, Signal::SIGKILL)?;
    holds(node, "post", "signal killed KILL")?;
    node.run(&format!("systemctl start {UNIT}; systemctl stop {UNIT}"))?;
    holds(node, "post", "success killed TERM")?;
    Ok("signal killed KILL; stopped: success killed TERM".into())
}

fn exec_needs_plus(pair: &Pair) -> Result<String> {
    let service =
        |prefix: &str| format!("{SLEEPER}User=nobody\nExecStartPost={prefix}/bin/sh -c 'echo here >/run/facts/post'\n");
    let node = with(pair, PACKAGED, &service(""))?;
    ensure!(node.run(&format!("systemctl start {UNIT}")).is_err(), "it may write to /run");
    let node = with(pair, PACKAGED, &service("+"))?;
    node.run(&format!("systemctl start {UNIT}"))?;
    holds(node, "post", "here")?;
    Ok("the unit fails without the prefix".into())
}

fn mariadb_restarts(pair: &Pair) -> Result<String> {
    let node = &pair.b;
    let own = "/etc/systemd/system/mariadb.service.d/50-facts.conf";
    node.run(&format!("mv {own} /root/; systemctl daemon-reload; systemctl start mariadb"))?;
    let before = node.pid_of(servers::UNIT)?;
    node.signal_unit(servers::UNIT, Signal::SIGKILL)?;
    let restarted = wait_for("a new mariadbd", SOON, || {
        let now = node.pid_of(servers::UNIT)?;
        Ok(if now == before { Seen::Not("the old one".into()) } else { Seen::Done(()) })
    });
    node.run(&format!("mv /root/50-facts.conf {own}; systemctl daemon-reload; systemctl start mariadb"))?;
    let took = restarted?.1;
    lasts("the restart", took, Duration::from_millis(4500), Duration::from_millis(7500))?;
    Ok(format!("{took:.1?}"))
}

fn socket_outlives(pair: &Pair) -> Result<String> {
    let proxy = "[Service]\nExecStartPre=/bin/sh -c 'until test -e /run/facts/go; do sleep 0.02; done'\n\
                 ExecStart=/lib/systemd/systemd-socket-proxyd 127.0.0.1:3306\n";
    let node = with(pair, PACKAGED, proxy)?;
    node.write(&format!("{PACKAGED}/facts.socket"), b"[Socket]\nListenStream=3399\n", "0644")?;
    node.run("systemctl daemon-reload; systemctl start facts.socket")?;
    let greeting =
        "exec 3<>/dev/tcp/127.0.0.1/3399; touch /run/facts/connected; head -c 5 <&3 | wc -c >/run/facts/read";
    node.run(&format!("systemd-run --quiet --unit=facts-client bash -c '{greeting}'"))?;
    holds(node, "connected", "")?;
    stays("no answer", || Ok(node.run("cat /run/facts/read 2>/dev/null || true")?.is_empty()))?;
    node.run("touch /run/facts/go")?;
    holds(node, "read", "5")?;
    node.run("systemctl stop facts.socket facts.service")?;
    Ok("connected while the service was not up, answered once it was".into())
}

fn fifo_outlives(pair: &Pair) -> Result<String> {
    let reader = "[Unit]\nStartLimitIntervalSec=0\n[Service]\nStandardInput=socket\n\
                  ExecStartPre=/bin/sh -c 'until test -e /run/facts/go; do sleep 0.02; done'\n\
                  ExecStart=/bin/sh -c 'read line; echo $line >>/run/facts/read'\n";
    let node = with(pair, PACKAGED, reader)?;
    let socket = b"[Socket]\nListenFIFO=/run/facts/queue\nTriggerLimitIntervalSec=0\n";
    node.write(&format!("{PACKAGED}/facts.socket"), socket, "0644")?;
    node.run("systemctl daemon-reload; systemctl start facts.socket")?;
    node.run("for n in one two three; do echo $n >/run/facts/queue; done")?;
    stays("nothing is read", || Ok(node.sh("test -e /run/facts/read", SOON)?.code != 0))?;
    node.run("touch /run/facts/go")?;
    holds(node, "read", "one\ntwo\nthree")?;
    node.run("systemctl stop facts.socket facts.service")?;
    Ok("three lines written before any reader was up, read by one after the other".into())
}

fn limits_stop(pair: &Pair) -> Result<String> {
    let crashing = "[Service]\nExecStart=/bin/false\nRestart=always\nRestartSec=10ms\n";
    let node = with(pair, PACKAGED, crashing)?;
    node.run(&format!("systemctl start {UNIT} || true"))?;
    let result = format!("systemctl show --value -p NRestarts -p ActiveState {UNIT} | tr '\\n' ' '");
    wait_for("the limit", SOON, || Ok(equals(node.run(&result)?.contains("failed"), &true)))?;
    let limited = node.run(&result)?;
    let node = with(pair, PACKAGED, &format!("[Unit]\nStartLimitIntervalSec=0\n{crashing}"))?;
    node.run(&format!("systemctl start {UNIT} || true"))?;
    let restarts = format!("systemctl show --value -p NRestarts {UNIT}");
    wait_for("twenty restarts", SOON, || {
        let count = node.run(&restarts)?;
        Ok(if count.parse::<u32>()? >= 20 { Seen::Done(()) } else { Seen::Not(count) })
    })?;
    node.run(&format!("systemctl stop {UNIT}"))?;
    Ok(format!("given up: {limited}; without a limit more than 20 restarts"))
}
