//! Facts about the network and the machine.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::servers::{OPERATOR, SOON, Servers};
use super::{Row, lasts, row};
use crate::options::CLIENT;
use crate::pair::Pair;
use crate::wait::{Seen, wait_for};

/// In the order of the document.
pub const ROWS: &[Row] = &[
    row("syn-is-repeated-after-a-second", syn_is_repeated),
    row("freeze-keeps-connections", freeze_keeps_connections),
    row("vip-of-32-bits", vip_of_32_bits),
];

fn syn_is_repeated(pair: &Pair) -> Result<String> {
    let node = &pair.a;
    let rule = format!("INPUT -p tcp -s {CLIENT} --dport 3306 --syn -j DROP");
    node.run(&format!("iptables -w -F; iptables -w -I {rule}"))?;
    let address = (node.address(), 3306);
    let client = pair.lab.spawn(move || {
        let begun = Instant::now();
        TcpStream::connect(address).map(|_| begun.elapsed())
    })?;
    let dropped = "iptables -w -L INPUT -v -x -n | awk '/tcp/ {print $1}'";
    wait_for("the first SYN", SOON, || {
        let count = node.run(dropped)?;
        Ok(if count == "1" { Seen::Done(()) } else { Seen::Not(count) })
    })?;
    node.run("iptables -w -F")?;
    let took = client.join().ok().context("the client panicked")???;
    lasts("the connection", took, Duration::from_millis(900), Duration::from_millis(1400))?;
    Ok(format!("connected after {took:.2?}"))
}

fn freeze_keeps_connections(pair: &Pair) -> Result<String> {
    let servers = Servers::fresh(pair)?;
    let client = servers.replica.begin(OPERATOR, "DO SLEEP(0.1)")?;
    servers.replica.node.freeze()?;
    client.waits()?;
    servers.replica.node.thaw()?;
    let took = client.is_told_ok()?;
    Ok(format!("a client of a frozen machine was answered after {took:.0?}"))
}

fn vip_of_32_bits(pair: &Pair) -> Result<String> {
    let left = "ip -o address show dev facts0 | grep -o '10.78.0.1[01][^ ]*' | tr '\n' ' '";
    let seen = pair.a.run(&format!(
        "ip link add facts0 type veth peer name facts1; ip link set facts0 up; ip address add 10.78.0.2/24 dev facts0; \
         ip address add 10.78.0.10/24 dev facts0; ip address add 10.78.0.11/32 dev facts0; \
         ip address delete 10.78.0.2/24 dev facts0; {left}; ip link delete facts0"
    ))?;
    ensure!(seen.trim() == "10.78.0.11/32", "left: {seen}");
    Ok("of /24 and /32 the /32 was left".into())
}
