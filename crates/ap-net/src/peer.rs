//! *What are you?*: connect, read one line, done.

use std::io::Read;
use std::net::{SocketAddrV4, TcpStream};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use ap_core::answer::Answer;
use nix::errno::Errno;
use nix::poll::PollFlags;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrIn, bind, connect, getsockopt, socket, sockopt};

use crate::{Question, poll};

/// Longest answer, in bytes.
const LONGEST: usize = 64 * 1024;

pub fn ask(question: &Question<'_>) -> Result<Answer> {
    let until = Instant::now() + question.deadline;
    let line = exchange(question, until).with_context(|| format!("no answer from the peer at {}", question.to))?;
    parse(&line, question.codename).with_context(|| format!("no usable answer from {}", question.to))
}

fn exchange(question: &Question<'_>, until: Instant) -> Result<Vec<u8>> {
    let socket = open(question, until)?;
    let mut stream = TcpStream::from(socket);
    let mut line = Vec::new();
    let mut piece = [0; 4096];
    loop {
        poll::wait(stream.as_fd(), PollFlags::POLLIN, until).context("connected, but nothing said")?;
        let length = match stream.read(&mut piece) {
            Ok(length) => length,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => continue,
            Err(error) => return Err(error.into()),
        };
        let piece = &piece[..length];
        if let Some(end) = piece.iter().position(|byte| *byte == b'\n') {
            line.extend_from_slice(&piece[..end]);
            return Ok(line);
        }
        ensure!(length != 0, "it hung up in the middle of a line");
        line.extend_from_slice(piece);
        ensure!(line.len() <= LONGEST, "it said more than {LONGEST} bytes");
    }
}

/// A connection from the own address: std cannot choose the source.
fn open(question: &Question<'_>, until: Instant) -> Result<OwnedFd> {
    let socket = socket(AddressFamily::Inet, SockType::Stream, SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK, None)?;
    let from = SockaddrIn::from(SocketAddrV4::new(question.from, 0));
    bind(socket.as_raw_fd(), &from).with_context(|| format!("own address {} cannot be used", question.from))?;
    match connect(socket.as_raw_fd(), &SockaddrIn::from(question.to)) {
        Ok(()) => return Ok(socket),
        Err(Errno::EINPROGRESS) => {}
        Err(error) => return Err(error.into()),
    }
    poll::wait(socket.as_fd(), PollFlags::POLLOUT, until).context("no connection")?;
    match getsockopt(&socket, sockopt::SocketError)? {
        0 => Ok(socket),
        code => Err(Errno::from_raw(code).into()),
    }
}

fn parse(line: &[u8], codename: &str) -> Result<Answer> {
    let answer: Answer = serde_json::from_slice(line).context("not what a node says")?;
    if answer.codename != codename {
        bail!("it belongs to the pair '{}', not to '{codename}'", answer.codename);
    }
    Ok(answer)
}

#[cfg(test)]
#[path = "peer_tests.rs"]
mod tests;
