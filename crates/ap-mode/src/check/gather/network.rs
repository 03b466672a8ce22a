//! The way to the peer and beyond. All times are of the monotonic clock.

use std::io::Read;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use ap_core::config::{Config, Host};
use ap_core::mode::Vrrp;
use ap_core::observed::Gateway;
use ap_core::status::Sight;
use ap_net::{Kernel, Net, Question};
use nix::ifaddrs::getifaddrs;
use socket2::{Domain, Protocol, Socket, Type};

use crate::check::facts::Network;

/// Questions whose longest counts.
const QUESTIONS: usize = 5;
/// Longest wait for a connection to the peer's database.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// Longest wait for an echo.
const ECHO_TIMEOUT: Duration = Duration::from_millis(600);
const VRRP: i32 = 112;

pub fn look(config: &Config, own: &Host, peer: &Host, [here, there]: [&Sight; 2]) -> Network {
    let [mine, theirs] = [here.now.as_ref().ok(), there.now.as_ref().ok()];
    let nobody = theirs.is_some_and(|theirs| !theirs.vip) && !mine.is_some_and(|mine| mine.vip);
    let vip = vip(config.vip);
    // An address that moves right now is no third machine's: both must have been silent on it twice.
    let third = || Kernel.gateway(&[config.vip.into()], own.address, ECHO_TIMEOUT) == Gateway::Answers;
    let sends = theirs.is_some_and(|theirs| theirs.vip && theirs.vrrp == Some(Vrrp::Master));
    Network {
        nic: nic(own),
        vip_answers: nobody && vip.is_empty() && third(),
        vip,
        gateway: Kernel.gateway(&config.pair.witness, own.address, ECHO_TIMEOUT),
        round_trip: theirs.and_then(|_| round_trip(config, own, peer)),
        database_port: connect(own.address, SocketAddrV4::new(peer.address, config.database.port))
            .map_err(|error| format!("{error:#}")),
        adverts: if sends { adverts(config, own, peer).ok() } else { None },
    }
}

fn nic(own: &Host) -> Option<String> {
    let nics = match Kernel.nics() {
        Ok(nics) => nics,
        Err(error) => return Some(format!("{error:#}")),
    };
    match nics.get(&own.nic) {
        None => Some("there is no such interface".into()),
        Some(nic) if !nic.up => Some("is down".into()),
        Some(nic) if !nic.carrier => Some("has no carrier".into()),
        Some(nic) if !nic.addresses.contains(&own.address) => Some(format!("does not have {}", own.address)),
        Some(_) => None,
    }
}

/// Where the VIP is on this machine, with its prefix length.
fn vip(vip: Ipv4Addr) -> Vec<(String, u8)> {
    let ip =
        |address: Option<nix::sys::socket::SockaddrStorage>| address.and_then(|a| a.as_sockaddr_in().map(|a| a.ip()));
    let Ok(entries) = getifaddrs() else { return Vec::new() };
    entries
        .filter(|entry| ip(entry.address) == Some(vip))
        .map(|entry| {
            let mask = ip(entry.netmask).map_or(u32::MAX, u32::from);
            (entry.interface_name, u8::try_from(mask.leading_ones()).unwrap_or(32))
        })
        .collect()
}

fn round_trip(config: &Config, own: &Host, peer: &Host) -> Option<Duration> {
    let question = Question {
        from: own.address,
        to: SocketAddrV4::new(peer.address, config.pair.port),
        codename: &config.codename,
        deadline: config.pair.ask_timeout.get(),
    };
    let times = (0..QUESTIONS).filter_map(|_| {
        let begun = Instant::now();
        Kernel.ask(&question).ok().map(|_| begun.elapsed())
    });
    times.max()
}

/// A connection from the own address, as the replica makes it.
fn connect(from: Ipv4Addr, to: SocketAddrV4) -> Result<()> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddrV4::new(from, 0).into())?;
    socket.connect_timeout(&to.into(), CONNECT_TIMEOUT).context("no connection")
}

/// Whether the firewall lets adverts of the peer through to here.
fn adverts(config: &Config, own: &Host, peer: &Host) -> Result<bool> {
    let mut socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::from(VRRP)))?;
    socket.bind(&SocketAddrV4::new(own.address, 0).into())?;
    // Five adverts, and room for a busy machine.
    let until = Instant::now() + config.keepalived.advert_interval.get() * 5 + Duration::from_millis(500);
    let mut packet = [0; 256];
    while let Some(left) = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
        socket.set_read_timeout(Some(left))?;
        // IP header: the source is at 12.
        match socket.read(&mut packet) {
            Ok(length) if length >= 20 && packet[12..16] == peer.address.octets() => return Ok(true),
            _ => {}
        }
    }
    Ok(false)
}
