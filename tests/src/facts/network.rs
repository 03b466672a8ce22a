//! Facts about the network and the machine.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use mysql::prelude::Queryable;

use super::servers::{OPERATOR, SOON, Servers};
use super::{Row, lasts, row};
use crate::node::Node;
use crate::options::CLIENT;
use crate::pair::Pair;
use crate::wait::{Seen, wait_for};

/// In the order of the document.
pub const ROWS: &[Row] = &[
    row("syn-is-repeated-after-a-second", syn_is_repeated),
    row("segments-are-repeated", segments_are_repeated),
    row("freeze-keeps-connections", freeze_keeps_connections),
    row("vip-of-32-bits", vip_of_32_bits),
];

/// Waits until the node's only packet filter has dropped so many.
fn dropped(node: &Node, packets: u32) -> Result<Instant> {
    let count = "iptables -w -L INPUT -v -x -n | awk '/tcp/ {print $1}'";
    wait_for(&format!("{packets} packets"), SOON, || {
        let count = node.run(count)?;
        Ok(if count.parse::<u32>()? >= packets { Seen::Done(Instant::now()) } else { Seen::Not(count) })
    })
    .map(|(at, _)| at)
}

fn syn_is_repeated(pair: &Pair) -> Result<String> {
    let node = &pair.a;
    node.run(&format!("iptables -w -F; iptables -w -I INPUT -p tcp -s {CLIENT} --dport 3306 --syn -j DROP"))?;
    let address = (node.address(), 3306);
    let client = pair.lab.spawn(move || {
        let begun = Instant::now();
        TcpStream::connect(address).map(|_| begun.elapsed())
    })?;
    dropped(node, 1)?;
    node.run("iptables -w -F")?;
    let took = client.join().ok().context("the client panicked")???;
    lasts("the connection", took, Duration::from_millis(900), Duration::from_millis(1400))?;
    Ok(format!("connected after {took:.2?}"))
}

fn segments_are_repeated(pair: &Pair) -> Result<String> {
    let servers = Servers::fresh(pair)?;
    let node = servers.replica.node;
    let mut client = servers.replica.client(OPERATOR)?;
    let of = format!("SELECT host FROM information_schema.processlist WHERE id={}", client.connection_id());
    let host = servers.replica.sql(&of)?;
    let (_, port) = host.split_once(':').with_context(|| format!("no port in {host}"))?;
    node.run(&format!("iptables -w -I INPUT -p tcp -s {CLIENT} --sport {port} -j DROP"))?;
    let query = std::thread::spawn(move || client.query_drop("DO 1"));
    let times = [1, 2, 4, 6].into_iter().map(|packets| dropped(node, packets)).collect::<Result<Vec<_>>>()?;
    node.run("iptables -w -F")?;
    query.join().ok().context("the client panicked")??;
    let gaps: Vec<_> = times.windows(2).map(|two| two[1] - two[0]).collect();
    lasts("the first", gaps[0], Duration::from_millis(120), Duration::from_millis(400))?;
    ensure!(gaps[2] > gaps[1] * 3 / 2, "not after longer and longer: {gaps:?}");
    Ok(format!("again after {gaps:.0?}"))
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
