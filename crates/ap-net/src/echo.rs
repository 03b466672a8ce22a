//! ICMP echo: does anybody beyond the peer answer?

use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::{Duration, Instant, SystemTime};

use anyhow::Result;
use ap_core::observed::Gateway;
use nix::errno::Errno;
use nix::poll::PollFlags;
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrIn, SockaddrIn6, SockaddrStorage, bind,
    recvfrom, sendto, socket,
};

use crate::poll;

/// Echoes per witness within the deadline: one lost packet proves nothing.
const ECHOES: u32 = 3;

/// Type, code, checksum, identifier, sequence; then our token.
const HEADER: usize = 8;

/// Tells our echoes from those of others and of yesterday.
type Token = [u8; 12];

/// Whether any witness answers within the deadline. The families are tried at
/// the same time; the first answer ends it.
pub fn gateway(witnesses: &[IpAddr], own: Ipv4Addr, deadline: Duration) -> Gateway {
    let until = Instant::now() + deadline;
    let (four, six): (Vec<IpAddr>, Vec<IpAddr>) = witnesses.iter().partition(|witness| witness.is_ipv4());
    let answers = std::thread::scope(|scope| {
        let six = (!six.is_empty()).then(|| scope.spawn(|| any_answers(&six, own, until)));
        let four = !four.is_empty() && any_answers(&four, own, until).unwrap_or(false);
        four || six.is_some_and(|six| six.join().is_ok_and(|answers| answers.unwrap_or(false)))
    });
    if answers { Gateway::Answers } else { Gateway::Silent }
}

/// All of one family.
fn any_answers(witnesses: &[IpAddr], own: Ipv4Addr, until: Instant) -> Result<bool> {
    let four = witnesses.iter().all(IpAddr::is_ipv4);
    let (socket, raw) = open(four)?;
    if four {
        // Not from the VIP: it may move while the echo is on its way.
        bind(socket.as_raw_fd(), &SockaddrIn::from(SocketAddrV4::new(own, 0)))?;
    }
    let token = token();
    let pause = until.saturating_duration_since(Instant::now()) / ECHOES;
    for round in 0..ECHOES {
        for witness in witnesses {
            // An unreachable witness is a silent one; others may still answer.
            let _ = sendto(
                socket.as_raw_fd(),
                &request(four, round, &token),
                &SockaddrStorage::from(SocketAddr::new(*witness, 0)),
                MsgFlags::empty(),
            );
        }
        let round_ends = if round + 1 == ECHOES { until } else { Instant::now() + pause };
        while poll::wait(socket.as_fd(), PollFlags::POLLIN, round_ends.min(until)).is_ok() {
            if receive(&socket, witnesses, four && raw, &token)? {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// A raw socket where permitted (root), else the kernel's ping socket.
fn open(four: bool) -> nix::Result<(OwnedFd, bool)> {
    let (family, protocol) =
        if four { (AddressFamily::Inet, SockProtocol::Icmp) } else { (AddressFamily::Inet6, SockProtocol::IcmpV6) };
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    socket(family, SockType::Raw, flags, protocol)
        .map(|socket| (socket, true))
        .or_else(|_| socket(family, SockType::Datagram, flags, protocol).map(|socket| (socket, false)))
}

/// Takes one packet; whether it is an answer to one of our echoes.
fn receive(socket: &OwnedFd, witnesses: &[IpAddr], with_header: bool, token: &Token) -> Result<bool> {
    let mut packet = [0; 1500];
    let (length, from) = match recvfrom::<SockaddrStorage>(socket.as_raw_fd(), &mut packet) {
        Ok(got) => got,
        // An ICMP error for an earlier echo is reported here: not an answer of the witness.
        Err(Errno::EAGAIN | Errno::EINTR | Errno::EHOSTUNREACH | Errno::ENETUNREACH | Errno::ECONNREFUSED) => {
            return Ok(false);
        }
        Err(error) => return Err(error.into()),
    };
    let from = from.as_ref().and_then(ip);
    Ok(from.is_some_and(|from| witnesses.contains(&from)) && is_reply(&packet[..length], with_header, token))
}

fn ip(address: &SockaddrStorage) -> Option<IpAddr> {
    let four = address.as_sockaddr_in().map(|four: &SockaddrIn| IpAddr::V4(four.ip()));
    let six = || {
        let six: &SockaddrIn6 = address.as_sockaddr_in6()?;
        Some(IpAddr::V6(*SocketAddrV6::from(*six).ip()))
    };
    four.or_else(six)
}

/// An echo request. The kernel sums ICMPv6 itself.
fn request(four: bool, round: u32, token: &Token) -> Vec<u8> {
    let mut packet = vec![if four { 8 } else { 128 }, 0, 0, 0];
    packet.extend_from_slice(&token[..2]);
    packet.extend_from_slice(&(round as u16).to_be_bytes());
    packet.extend_from_slice(token);
    if four {
        let sum = checksum(&packet);
        packet[2..4].copy_from_slice(&sum.to_be_bytes());
    }
    packet
}

/// Whether the packet answers an echo that carried the token. A raw IPv4 socket
/// gives the IP header as well.
fn is_reply(packet: &[u8], with_header: bool, token: &Token) -> bool {
    let skip = match packet.first() {
        Some(first) if with_header => usize::from(first & 0x0f) * 4,
        _ => 0,
    };
    let icmp = packet.get(skip..).unwrap_or_default();
    let kind = icmp.first();
    (kind == Some(&0) || kind == Some(&129)) && icmp.get(HEADER..) == Some(token)
}

/// The internet checksum (RFC 1071) of an even number of bytes.
fn checksum(packet: &[u8]) -> u16 {
    let sum: u32 = packet.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0))).sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    !((folded & 0xffff) + (folded >> 16)) as u16
}

/// Process and moment. The clock only makes it differ from others; nothing is decided by it.
fn token() -> Token {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let mut token = [0; 12];
    token[..4].copy_from_slice(&std::process::id().to_be_bytes());
    token[4..].copy_from_slice(&(now.as_nanos() as u64).to_be_bytes());
    token
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: Token = *b"abcdefghijkl";

    #[test]
    fn replies_are_told_from_other_packets() {
        let reply = |kind: u8, token: &Token| [&[kind, 0, 0, 0, 1, 2, 0, 0][..], token].concat();
        let with_header = |packet: Vec<u8>| [vec![0x45; 20], packet].concat();
        let table = [
            (reply(0, &TOKEN), false, true),
            (reply(129, &TOKEN), false, true),
            (with_header(reply(0, &TOKEN)), true, true),
            (request(true, 0, &TOKEN), false, false),
            (reply(0, b"bbcdefghijkl"), false, false),
            (reply(3, &TOKEN), false, false),
            (vec![0x4f; 3], true, false),
            (vec![], true, false),
        ];
        for (packet, raw, expected) in table {
            assert_eq!(is_reply(&packet, raw, &TOKEN), expected, "{packet:?}");
        }
    }

    #[test]
    fn the_checksum_of_a_summed_packet_is_zero() {
        assert_eq!(checksum(&request(true, 7, &TOKEN)), 0);
    }

    #[test]
    fn the_loopback_answers_and_nowhere_does_not() {
        let wait = Duration::from_millis(300);
        let local = IpAddr::from(Ipv4Addr::LOCALHOST);
        let table = [
            (vec![local], Gateway::Answers),
            (vec!["::1".parse().unwrap(), local], Gateway::Answers),
            (vec!["240.0.0.1".parse().unwrap()], Gateway::Silent),
            (vec!["240.0.0.1".parse().unwrap(), local], Gateway::Answers),
        ];
        for (witnesses, expected) in table {
            assert_eq!(gateway(&witnesses, Ipv4Addr::LOCALHOST, wait), expected, "{witnesses:?}");
        }
    }
}
