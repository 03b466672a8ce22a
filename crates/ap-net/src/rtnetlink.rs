//! The four changes this toolkit makes to the network, over rtnetlink.
//!
//! By hand, because nix has the socket and not the messages, and a program run
//! for each would cost ten times as much in the moment that counts. Layout:
//! rtnetlink(7), netlink(7).

use std::net::Ipv4Addr;
use std::os::fd::{AsFd, AsRawFd};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::errno::Errno;
use nix::net::if_::if_nametoindex;
use nix::poll::PollFlags;
use nix::sys::socket::{AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, recv, sendto, socket};

use crate::poll;

/// The kernel answers such a message before `sendto` returns.
const ANSWER_DEADLINE: Duration = Duration::from_millis(500);

const REQUEST: u16 = 0x1;
const ACK: u16 = 0x4;
const EXCLUSIVE: u16 = 0x200;
const CREATE: u16 = 0x400;

const ERROR: u16 = 2;
const NEW_ADDRESS: u16 = 20;
const DEL_ADDRESS: u16 = 21;
const NEW_ROUTE: u16 = 24;
const DEL_ROUTE: u16 = 25;

const HEADER: usize = 16;
const AF_INET: u8 = 2;
const HOST_BITS: u8 = 32;

/// Attributes: IFA_ADDRESS, IFA_LOCAL, RTA_DST.
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
const RTA_DST: u16 = 1;

/// Table main, protocol static, scope universe.
const ROUTE_TABLE: u8 = 254;
const ROUTE_STATIC: u8 = 4;
const ROUTE_UNIVERSE: u8 = 0;
const ROUTE_UNREACHABLE: u8 = 7;

pub fn add_address(nic: &str, address: Ipv4Addr) -> Result<()> {
    let body = address_body(nic, address)?;
    talk(NEW_ADDRESS, CREATE | EXCLUSIVE, &body, &[Errno::EEXIST])
        .with_context(|| format!("failed to add {address}/32 to {nic}"))
}

pub fn remove_address(nic: &str, address: Ipv4Addr) -> Result<()> {
    let body = address_body(nic, address)?;
    talk(DEL_ADDRESS, 0, &body, &[Errno::EADDRNOTAVAIL])
        .with_context(|| format!("failed to remove {address}/32 from {nic}"))
}

pub fn add_unreachable(host: Ipv4Addr) -> Result<()> {
    talk(NEW_ROUTE, CREATE | EXCLUSIVE, &route_body(host), &[Errno::EEXIST])
        .with_context(|| format!("failed to make {host} unreachable"))
}

pub fn remove_unreachable(host: Ipv4Addr) -> Result<()> {
    talk(DEL_ROUTE, 0, &route_body(host), &[Errno::ESRCH])
        .with_context(|| format!("failed to make {host} reachable again"))
}

fn address_body(nic: &str, address: Ipv4Addr) -> Result<Vec<u8>> {
    let index = if_nametoindex(nic).with_context(|| format!("no network interface {nic}"))?;
    // Family, prefix length, flags, scope; index.
    let mut body = vec![AF_INET, HOST_BITS, 0, 0];
    body.extend_from_slice(&index.to_ne_bytes());
    attribute(&mut body, IFA_LOCAL, &address.octets());
    attribute(&mut body, IFA_ADDRESS, &address.octets());
    Ok(body)
}

fn route_body(host: Ipv4Addr) -> Vec<u8> {
    // Family, destination and source lengths, TOS, table, protocol, scope, type; flags.
    let mut body =
        vec![AF_INET, HOST_BITS, 0, 0, ROUTE_TABLE, ROUTE_STATIC, ROUTE_UNIVERSE, ROUTE_UNREACHABLE, 0, 0, 0, 0];
    attribute(&mut body, RTA_DST, &host.octets());
    body
}

/// Length, type and four bytes: always a multiple of four, so no padding.
fn attribute(body: &mut Vec<u8>, kind: u16, value: &[u8; 4]) {
    body.extend_from_slice(&8_u16.to_ne_bytes());
    body.extend_from_slice(&kind.to_ne_bytes());
    body.extend_from_slice(value);
}

fn message(kind: u16, flags: u16, body: &[u8]) -> Vec<u8> {
    // Length, type, flags, sequence, port.
    let length = u32::try_from(HEADER + body.len()).unwrap_or(u32::MAX);
    let mut message = length.to_ne_bytes().to_vec();
    message.extend_from_slice(&kind.to_ne_bytes());
    message.extend_from_slice(&(REQUEST | ACK | flags).to_ne_bytes());
    message.extend_from_slice(&1_u32.to_ne_bytes());
    message.extend_from_slice(&0_u32.to_ne_bytes());
    message.extend_from_slice(body);
    message
}

/// Sends one message and reads the verdict; an error in `done` means that
/// things were already as asked.
fn talk(kind: u16, flags: u16, body: &[u8], done: &[Errno]) -> Result<()> {
    let socket = socket(
        AddressFamily::Netlink,
        SockType::Raw,
        SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK,
        SockProtocol::NetlinkRoute,
    )?;
    let kernel = NetlinkAddr::new(0, 0);
    sendto(socket.as_raw_fd(), &message(kind, flags, body), &kernel, MsgFlags::empty())?;
    poll::wait(socket.as_fd(), PollFlags::POLLIN, Instant::now() + ANSWER_DEADLINE)
        .context("the kernel does not answer")?;
    let mut answer = [0; 4096];
    let length = recv(socket.as_raw_fd(), &mut answer, MsgFlags::empty())?;
    match verdict(&answer[..length])? {
        None => Ok(()),
        Some(errno) if done.contains(&errno) => Ok(()),
        Some(errno) => Err(errno.into()),
    }
}

/// The error in an acknowledgement; `None`: done.
fn verdict(answer: &[u8]) -> Result<Option<Errno>> {
    let kind = answer.get(4..6).and_then(|bytes| bytes.try_into().ok()).map(u16::from_ne_bytes);
    let code = answer.get(HEADER..HEADER + 4).and_then(|bytes| bytes.try_into().ok()).map(i32::from_ne_bytes);
    ensure!(kind == Some(ERROR), "the kernel's answer is no acknowledgement");
    let code = code.context("the kernel's acknowledgement is too short")?;
    Ok((code != 0).then(|| Errno::from_raw(code.wrapping_neg())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_have_the_kernels_layout() {
        let body = route_body(Ipv4Addr::new(192, 0, 2, 11));
        assert_eq!(body.len(), 12 + 8);
        let message = message(NEW_ROUTE, CREATE | EXCLUSIVE, &body);
        assert_eq!(message.len(), 36);
        assert_eq!(message[..8], [[36, 0, 0, 0], [24, 0, 5, 6]].concat());
        assert_eq!(message[32..], [192, 0, 2, 11]);
    }

    #[test]
    fn acknowledgements_are_read() {
        let acknowledgement = |code: i32| {
            let mut bytes = message(ERROR, 0, &code.to_ne_bytes());
            bytes.extend_from_slice(&[0; 16]);
            bytes
        };
        assert_eq!(verdict(&acknowledgement(0)).unwrap(), None);
        assert_eq!(verdict(&acknowledgement(-17)).unwrap(), Some(Errno::EEXIST));
        assert!(verdict(&message(NEW_ROUTE, 0, &[0; 4])).is_err());
        assert!(verdict(&[]).is_err());
    }

    #[test]
    fn a_missing_interface_is_named() {
        let error = remove_address("none0", Ipv4Addr::new(192, 0, 2, 10)).unwrap_err();
        assert_eq!(error.to_string(), "no network interface none0");
    }
}
