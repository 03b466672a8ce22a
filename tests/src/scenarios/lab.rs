//! The lab tests itself: do its faults do what they say? Needs no product.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use nix::sys::signal::Signal;

use crate::faults::Direction;
use crate::history::Outage;
use crate::node::Node;
use crate::options::{CLIENT, GATEWAY, Options};
use crate::pair::Pair;
use crate::scenario::{Begin, Counts, Scenario, Setup};
use crate::sql::{PASSWORD, SCHEMA, SqlTarget, TABLE, USER};
use crate::wait::{equals, holds, wait_for};
use crate::writer::{PACE, Writer};
use crate::{checker, http};

/// Scenarios of this file.
pub const SCENARIOS: &[Scenario] = &[
    scenario("lab-boot", boot),
    scenario("lab-power", power),
    scenario("lab-network", network).long(),
    scenario("lab-freeze", freeze).long(),
    scenario("lab-processes", processes).long(),
    scenario("lab-disk", disk).long(),
    scenario("lab-vrrp", vrrp).long(),
];

const SETUP: Setup =
    Setup { name: "bare", options: || Options { nics: ["host0", "lan0"], ..Options::default() }, install };

const fn scenario(name: &'static str, run: fn(&Pair) -> Result<Counts>) -> Scenario {
    Scenario {
        name,
        fault: "lab",
        default: true,
        matrix: false,
        timeout: Duration::from_secs(120),
        setup: &SETUP,
        begin: Begin::Booted,
        run,
    }
}

/// A database that answers on the network, on both nodes for themselves.
fn install(pair: &Pair) -> Result<()> {
    pair.both(|node| {
        let settings = b"[mariadbd]\nbind-address=0.0.0.0\nskip-name-resolve=1\n";
        node.write("/etc/mysql/mariadb.conf.d/99-lab.cnf", settings, "0644")?;
        node.run("systemctl restart mariadb")?;
        node.sql(SCHEMA)
    })
    .map(drop)
}

fn ping(node: &Node, address: impl std::fmt::Display) -> bool {
    node.run(&format!("ping -n -c 1 -W 1 {address}")).is_ok()
}

fn writer(pair: &Pair) -> Result<Writer> {
    let target = SqlTarget::new(pair.a.address(), USER, PASSWORD);
    let writer = Writer::start(&pair.lab, target, PACE)?;
    let by = writer.wait_acknowledged(Instant::now(), Duration::from_secs(5))?;
    ensure!(by == "a", "acknowledged by {by}");
    std::thread::sleep(Duration::from_millis(300));
    Ok(writer)
}

/// Waits for writes to go on, then compares.
fn recovered(pair: &Pair, writer: Writer, fault: Instant) -> Result<(Counts, Outage)> {
    writer.wait_acknowledged(Instant::now(), Duration::from_secs(30))?;
    let history = writer.stop()?;
    let verdict = checker::check(&pair.a, TABLE, &history)?;
    verdict.nothing_lost()?;
    let outage = history.outage(fault);
    ensure!(outage.ended, "writes did not go on");
    let counts = Counts {
        acknowledged: verdict.acknowledged,
        missing: verdict.missing.len(),
        outage: Some(outage.length),
        note: String::new(),
    };
    Ok((counts, outage))
}

fn boot(pair: &Pair) -> Result<Counts> {
    for node in pair.nodes() {
        let state = node.run("systemctl is-system-running")?;
        ensure!(state == "running", "node {} is {state}", node.name());
        let database = node.run("systemctl is-active mariadb")?;
        ensure!(database == "active", "database is {database}");
        for address in [&GATEWAY, &CLIENT, &pair.peer(node).address()] {
            ensure!(ping(node, address), "{} does not reach {address}", node.name());
        }
        let name = node.run(&format!("hostname; ls /sys/class/net/{}", node.nic()))?;
        ensure!(name.starts_with(node.name()), "named {name}");
    }
    checker::same(&pair.a, &pair.b, TABLE)?;
    pair.a.sql("INSERT INTO lab.writes VALUES (1, 1)")?;
    ensure!(checker::same(&pair.a, &pair.b, TABLE).is_err(), "difference not seen");
    let port = (pair.a.address(), 9).into();
    let refused = pair.lab.as_client(move || http::request(port, "GET", "/", "", Duration::from_secs(1)))?;
    ensure!(refused.is_err(), "something answers on port 9");
    let rebooted = pair.b.reboot()?;
    Ok(Counts { note: format!("reboot {:.1} s", rebooted.as_secs_f64()), ..Counts::default() })
}

fn power(pair: &Pair) -> Result<Counts> {
    let writer = writer(pair)?;
    let fault = Instant::now();
    pair.a.power_off()?;
    let off = fault.elapsed();
    ensure!(pair.a.run("true").is_err(), "node a runs on");
    ensure!(!ping(&pair.b, pair.a.address()), "node a answers without power");
    let boot = pair.a.power_on()?;
    let (mut counts, _) = recovered(pair, writer, fault)?;
    let boots = pair.a.run("journalctl --list-boots --quiet | wc -l")?;
    ensure!(boots == "3", "journal knows {boots} boots, not setup, start and power loss");
    counts.note = format!("off {:.3} s, boot {:.2} s", off.as_secs_f64(), boot.as_secs_f64());
    Ok(counts)
}

fn network(pair: &Pair) -> Result<Counts> {
    let (a, b) = (&pair.a, &pair.b);
    let writer = writer(pair)?;
    let fault = Instant::now();
    let carrier = |expected: &'static str| {
        let file = format!("cat /sys/class/net/{}/carrier", a.nic());
        wait_for("the carrier", Duration::from_secs(2), || Ok(equals(a.run(&file)?.as_str(), &expected)))
    };
    a.cut_cable()?;
    carrier("0")?;
    ensure!(!ping(b, a.address()), "cut cable lets packets through");
    a.plug_cable()?;
    carrier("1")?;
    let reach = |from: &Node, to: &Node, expected: bool| {
        wait_for("the network", Duration::from_secs(5), || Ok(equals(ping(from, to.address()), &expected)))
    };
    reach(a, b, true)?;
    a.isolate()?;
    carrier("1")?;
    reach(b, a, false)?;
    ensure!(!ping(a, GATEWAY), "isolated node reaches the gateway");
    a.rejoin()?;
    reach(a, b, true)?;
    pair.partition()?;
    reach(a, b, false)?;
    ensure!(ping(a, GATEWAY) && ping(b, CLIENT), "partition cuts off the gateway");
    pair.heal()?;
    reach(a, b, true)?;
    pair.lab.gateway(false)?;
    ensure!(!ping(a, GATEWAY) && ping(a, CLIENT), "gateway is not off");
    pair.lab.gateway(true)?;
    ensure!(ping(a, GATEWAY), "gateway is not on again");
    b.block_vrrp(Direction::Both)?;
    ensure!(ping(a, b.address()), "more than VRRP is blocked");
    b.unblock_vrrp(Direction::Both)?;
    a.link_down()?;
    reach(b, a, false)?;
    a.link_up()?;
    // The address stayed, the kernel dropped the routes only.
    reach(b, a, true)?;
    Ok(recovered(pair, writer, fault)?.0)
}

fn freeze(pair: &Pair) -> Result<Counts> {
    let writer = writer(pair)?;
    let fault = Instant::now();
    pair.a.freeze()?;
    let frozen = pair.a.sh("systemctl is-active mariadb", Duration::from_millis(500));
    ensure!(frozen.is_err(), "systemd answers while frozen: {frozen:?}");
    std::thread::sleep(Duration::from_secs(1));
    pair.a.thaw()?;
    let (counts, outage) = recovered(pair, writer, fault)?;
    ensure!(outage.length > Duration::from_secs(1), "frozen for {outage:?} only");
    pair.a.freeze()?;
    pair.a.power_off()?;
    pair.a.power_on()?;
    Ok(counts)
}

fn processes(pair: &Pair) -> Result<Counts> {
    let a = &pair.a;
    let writer = writer(pair)?;
    let fault = Instant::now();
    let process = a.pid_of("mariadb.service")?;
    ensure!(a.unit_processes("mariadb.service") == [process], "not one process");
    a.signal_main("mariadb.service", Signal::SIGSTOP)?;
    std::thread::sleep(Duration::from_millis(500));
    a.signal_unit("mariadb.service", Signal::SIGCONT)?;
    writer.wait_acknowledged(Instant::now(), Duration::from_secs(5))?;
    a.signal_unit("mariadb.service", Signal::SIGKILL)?;
    // Debian's unit starts it again after five seconds.
    wait_for("a new mariadbd", Duration::from_secs(20), || Ok(holds(a.pid_of("mariadb.service")? != process)))?;
    let (counts, outage) = recovered(pair, writer, fault)?;
    ensure!(outage.length > Duration::from_millis(500), "stopped for {outage:?} only");
    Ok(counts)
}

fn disk(pair: &Pair) -> Result<Counts> {
    let insert = |node: &Node, key: u32| {
        let rows = format!(
            "SET SESSION max_statement_time=5; CREATE TABLE lab.big{key} (x LONGBLOB); \
             INSERT INTO lab.big{key} VALUES (REPEAT('x', 8000000))"
        );
        node.sql(&rows)
    };
    pair.a.fill_disk()?;
    ensure!(insert(&pair.a, 1).is_err(), "a full disk takes eight megabytes");
    insert(&pair.b, 1)?;
    pair.a.free_disk()?;
    insert(&pair.a, 2)?;
    Ok(Counts::default())
}

/// keepalived by itself: the address moves with power, and blocked adverts
/// make two masters.
fn vrrp(pair: &Pair) -> Result<Counts> {
    let vip = pair.options.vip;
    pair.both(|node| {
        let (nic, priority) = (node.nic(), if node.name() == "a" { 254 } else { 250 });
        let config = format!(
            "global_defs {{\n vrrp_version 3\n}}\nvrrp_instance ap {{\n state BACKUP\n nopreempt\n \
             interface {nic}\n virtual_router_id 77\n priority {priority}\n advert_int 0.1\n \
             virtual_ipaddress {{\n {vip}/32\n }}\n}}\n"
        );
        node.write("/etc/keepalived/keepalived.conf", config.as_bytes(), "0644")
    })?;
    let has = |node: &Node, expected: bool| {
        wait_for("the VIP", Duration::from_secs(10), || {
            let addresses = node.run("ip -o -4 address")?;
            Ok(equals(addresses.contains(&format!(" {vip}/32 ")), &expected))
        })
    };
    let (a, b) = (&pair.a, &pair.b);
    a.run("systemctl start keepalived")?;
    has(a, true)?;
    b.run("systemctl start keepalived")?;
    std::thread::sleep(Duration::from_secs(1));
    has(b, false)?;
    b.block_vrrp(Direction::In)?;
    has(b, true)?;
    has(a, true)?;
    b.unblock_vrrp(Direction::In)?;
    has(b, false)?;
    let processes = a.unit_processes("keepalived.service").len();
    ensure!(processes == 2, "keepalived has {processes} processes");
    let target = SqlTarget::new(vip, USER, PASSWORD);
    let writer = Writer::start(&pair.lab, target, PACE)?;
    let by = writer.wait_acknowledged(Instant::now(), Duration::from_secs(5))?;
    ensure!(by == "a", "acknowledged by {by}");
    let fault = Instant::now();
    a.power_off()?;
    let by = writer.wait_acknowledged(Instant::now(), Duration::from_secs(10))?;
    ensure!(by == "b", "acknowledged by {by}");
    let history = writer.stop()?;
    let (outage, turns) = (history.outage(fault), history.turns());
    ensure!(turns.len() == 2 && outage.ended, "{turns:?}, {outage:?}");
    ensure!(history.overlap(fault, Instant::now()).is_none(), "overlap");
    // No replication here: what a acknowledged is not on b, and the checker must see it.
    let missing = checker::check(b, TABLE, &history)?.missing.len();
    ensure!(missing == turns[0].acknowledged, "{missing} missing, not {turns:?}");
    a.power_on()?;
    checker::check(a, TABLE, &history)?;
    Ok(Counts { acknowledged: history.acknowledged().count(), outage: Some(outage.length), ..Counts::default() })
}
