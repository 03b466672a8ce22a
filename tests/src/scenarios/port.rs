//! The status port under attack: garbage, floods and slow clients, from the peer's
//! address and from one that is not the peer's. What a node is asked there decides
//! about leases, so nothing of it may be felt.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{Scope, ScopedJoinHandle, sleep};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use nix::sched::{CloneFlags, setns};
use serde_json::Value;

use crate::failover::Failover;
use crate::node::Node;
use crate::pair::Pair;
use crate::product::ask;
use crate::scenario::{Counts, Scenario, protected};
use crate::wait::{Seen, wait_for};

/// Scenarios of this file.
pub const SCENARIOS: &[Scenario] = &[protected("port", "peer-port", peer_port)];

/// How long each attack goes on.
const ATTACK: Duration = Duration::from_secs(3);
/// Connections that a slow attacker holds at a time.
const HELD: usize = 300;
/// Pause of an attacker that floods.
const PACE: Duration = Duration::from_millis(3);
/// `pair.port`, unless told otherwise.
const PORT: u16 = 7331;
/// What ap-notify may have more than before, while attacked.
const MORE_FILES: usize = 8;
const MORE_MEMORY: usize = 8 * 1024 * 1024;
const SETTLED: Duration = Duration::from_secs(5);

/// What is done to a port for as long as the flag says; counts its connections.
type Attack = fn(SocketAddr, &AtomicBool, &AtomicUsize);

/// With the fewest connections that each attacker must have had.
const ATTACKS: [(&str, Attack, usize); 3] = [("garbage", garbage, 30), ("flood", flood, 300), ("slow", slow, HELD)];

/// Red with a queue of 16 (`Backlog=` of ap-peer.socket): who finds it full waits for
/// a second, and for the peer's question that is silence. At two to three times this
/// pace the pair lost its protection for a moment.
fn peer_port(pair: &Pair) -> Result<Counts> {
    let mut story = Failover::begin(pair)?;
    let mut notes = Vec::new();
    for (name, attack, least) in ATTACKS {
        let mut connections = 0;
        let outage = story.endure(|_| {
            connections = endured(pair, attack, least).with_context(|| format!("under {name}"))?;
            Ok(())
        })?;
        notes.push(format!("{name} {connections} connections, pause {:.3} s", outage.as_secs_f64()));
    }
    Ok(Counts { note: notes.join(", "), ..story.end()? })
}

/// Both nodes attacked at the same time, each from its peer and from a client.
fn endured(pair: &Pair, attack: Attack, least: usize) -> Result<usize> {
    let before = [Taken::by(&pair.a)?, Taken::by(&pair.b)?];
    let (stop, counts) = (AtomicBool::new(false), [const { AtomicUsize::new(0) }; 4]);
    std::thread::scope(|scope| {
        let mut attackers = Vec::new();
        for (index, node) in pair.nodes().into_iter().enumerate() {
            let client = PathBuf::from("/run/netns").join(pair.lab.namespace());
            let peer = PathBuf::from(format!("/proc/{}/ns/net", pair.peer(node).leader()?));
            for (number, from) in [client, peer].into_iter().enumerate() {
                let count = &counts[2 * index + number];
                attackers.push(attacker(scope, from, node.address(), attack, &stop, count));
            }
        }
        let looked = look(pair, &before);
        stop.store(true, Ordering::Relaxed);
        for attacker in attackers {
            attacker.join().map_err(|_| anyhow!("an attacker panicked"))??;
        }
        looked
    })?;
    let counts = counts.map(AtomicUsize::into_inner);
    ensure!(counts.iter().all(|count| *count >= least), "the attackers had {counts:?} connections");
    for (node, before) in pair.nodes().into_iter().zip(&before) {
        let turned_away = Taken::by(node)?.turned_away - before.turned_away;
        ensure!(turned_away == 0, "{} turned {turned_away} away from a full queue", node.name());
        wait_for(&format!("ap-notify of {} as before", node.name()), SETTLED, || {
            let now = Taken::by(node)?;
            Ok(if now.files <= before.files { Seen::Done(()) } else { Seen::Not(format!("{before:?}, now {now:?}")) })
        })?;
    }
    Ok(counts.iter().sum())
}

/// The pair, as its operator sees it all the while. On a host that has no time left
/// an answer may take longer than `pair.ask-timeout`: then it says so, and rarely.
fn look(pair: &Pair, before: &[Taken; 2]) -> Result<()> {
    let begun = Instant::now();
    let (mut looks, mut late) = (0, Vec::new());
    while begun.elapsed() < ATTACK {
        for (node, before) in pair.nodes().into_iter().zip(before) {
            let status = ask(node, "status --json")?;
            let seen: Value = serde_json::from_str(&status.stdout).with_context(|| format!("{status:?}"))?;
            let nodes = seen["nodes"].as_array().context("no nodes")?;
            match nodes.iter().find_map(|node| node["silence"].as_str()) {
                Some(silence) => late.push(silence.to_owned()),
                None => ensure!(status.code == 0, "ap-mode status on {}: {}", node.name(), status.stdout),
            }
            let now = Taken::by(node)?;
            let bounded = now.files <= before.files + MORE_FILES && now.memory <= before.memory + MORE_MEMORY;
            ensure!(bounded, "ap-notify of {} had {before:?} and has {now:?}", node.name());
            looks += 1;
        }
        sleep(Duration::from_millis(50));
    }
    ensure!(looks > 0 && late.len() * 10 <= looks, "{} of {looks} looks: {late:?}", late.len());
    Ok(())
}

/// What ap-notify has taken of the machine.
#[derive(Debug)]
struct Taken {
    files: usize,
    memory: usize,
    /// Connections that found a queue full, of all ports of the node.
    turned_away: u64,
}

impl Taken {
    fn by(node: &Node) -> Result<Self> {
        let process = node.pid_of("ap-notify.service")?;
        let status = fs::read_to_string(format!("/proc/{process}/status"))?;
        let kib = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"));
        let memory = kib.context("no VmRSS")?.parse::<usize>()? * 1024;
        let files = fs::read_dir(format!("/proc/{process}/fd"))?.count();
        let counters = fs::read_to_string(format!("/proc/{process}/net/netstat"))?;
        let turned_away = counter(&counters, "ListenOverflows").context("no ListenOverflows")?;
        Ok(Self { files, memory, turned_away })
    }
}

/// A counter of the kernel's: a line of names, and below it one of values.
fn counter(text: &str, name: &str) -> Option<u64> {
    let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split(' ').collect()).collect();
    lines.chunks_exact(2).find_map(|pair| {
        let column = pair[0].iter().position(|word| *word == name)?;
        pair[1].get(column)?.parse().ok()
    })
}

/// A thread in that network.
fn attacker<'s>(
    scope: &'s Scope<'s, '_>,
    network: PathBuf,
    to: Ipv4Addr,
    attack: Attack,
    stop: &'s AtomicBool,
    count: &'s AtomicUsize,
) -> ScopedJoinHandle<'s, Result<()>> {
    scope.spawn(move || {
        setns(File::open(network)?, CloneFlags::CLONE_NEWNET).context("failed to enter the network")?;
        attack(SocketAddr::from((to, PORT)), stop, count);
        Ok(())
    })
}

fn connect(to: SocketAddr, count: &AtomicUsize) -> Option<TcpStream> {
    let stream = TcpStream::connect_timeout(&to, Duration::from_millis(500)).ok()?;
    stream.set_write_timeout(Some(Duration::from_millis(500))).ok()?;
    stream.set_read_timeout(Some(Duration::from_millis(500))).ok()?;
    count.fetch_add(1, Ordering::Relaxed);
    Some(stream)
}

/// Random bytes, half a line of JSON, 10 MB. That nobody reads them is the point.
fn garbage(to: SocketAddr, stop: &AtomicBool, count: &AtomicUsize) {
    let mut random = vec![0; 64 * 1024];
    let _ = File::open("/dev/urandom").and_then(|file| file.read_exact_at(&mut random, 0));
    let large = vec![b'x'; 10_000_000];
    let pieces = [&random[..], b"{\"codename\": \"ap\", \"mode\": \"s\", \"epo", &large];
    while !stop.load(Ordering::Relaxed) {
        for piece in pieces {
            let Some(mut stream) = connect(to, count) else { continue };
            let _ = stream.write_all(piece);
            let _ = stream.shutdown(Shutdown::Write);
            let _ = stream.read(&mut [0; 4096]);
        }
    }
}

/// Connections as quick as they come.
fn flood(to: SocketAddr, stop: &AtomicBool, count: &AtomicUsize) {
    while !stop.load(Ordering::Relaxed) {
        drop(connect(to, count));
        sleep(PACE);
    }
}

/// Never reads, never closes.
fn slow(to: SocketAddr, stop: &AtomicBool, count: &AtomicUsize) {
    let mut held = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        match held.len() {
            HELD => sleep(Duration::from_millis(10)),
            _ => held.extend(connect(to, count)),
        }
    }
}
