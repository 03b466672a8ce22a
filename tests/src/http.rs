//! A client that writes through the REST API.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::writer::{ANSWER, CONNECT, Target};

/// Table behind the API that HTTP writers write to.
pub const TABLE: &str = "demo.users";

/// Posts one user per write, each over a connection of its own.
pub struct HttpTarget {
    address: SocketAddr,
    answer: Duration,
}

impl HttpTarget {
    /// A client of the API at `address`.
    pub fn new(address: Ipv4Addr, port: u16) -> Self {
        Self { address: SocketAddr::from((address, port)), answer: ANSWER }
    }

    /// Waits this long for an answer instead of a second.
    #[must_use]
    pub fn answer_within(mut self, answer: Duration) -> Self {
        self.answer = answer;
        self
    }
}

impl Target for HttpTarget {
    fn write(&mut self, key: i64) -> Result<String> {
        let body = format!(r#"{{"id":{key},"name":"user {key}"}}"#);
        let answer = request(self.address, "POST", "/users", &body, self.answer)?;
        if !(200..300).contains(&answer.status) {
            bail!("status {}: {}", answer.status, answer.body);
        }
        answer.header("x-node").context("no X-Node in the answer")
    }
}

/// An answer of the API.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// Header lines, as they came.
    pub headers: Vec<String>,
    /// Everything after them.
    pub body: String,
}

impl Answer {
    /// Value of a header; `name` in lower case.
    pub fn header(&self, name: &str) -> Option<String> {
        self.headers.iter().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            (key.to_ascii_lowercase() == name).then(|| value.trim().to_owned())
        })
    }
}

/// One request over a connection of its own; call it from a client thread.
pub fn request(address: SocketAddr, method: &str, path: &str, body: &str, timeout: Duration) -> Result<Answer> {
    let mut stream = TcpStream::connect_timeout(&address, CONNECT).context("connect")?;
    stream.set_read_timeout(Some(timeout))?;
    stream.set_write_timeout(Some(timeout))?;
    stream.set_nodelay(true)?;
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).context("send")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).context("receive")?;
    parse(&answer)
}

fn parse(answer: &str) -> Result<Answer> {
    let (head, body) = answer.split_once("\r\n\r\n").context("cut off answer")?;
    let mut lines = head.split("\r\n");
    let status =
        lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok()).context("no status in the answer")?;
    Ok(Answer { status, headers: lines.map(str::to_owned).collect(), body: body.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_status_header_and_body() {
        let answer = parse("HTTP/1.1 201 Created\r\nX-Node: a\r\n\r\n{}").unwrap();
        assert_eq!(answer.status, 201);
        assert_eq!(answer.header("x-node").as_deref(), Some("a"));
        assert_eq!(answer.body, "{}");
    }

    #[test]
    fn posts_a_user_and_learns_who_answered() {
        let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = server.local_addr().unwrap().port();
        let served = std::thread::spawn(move || {
            let (mut stream, _) = server.accept().unwrap();
            let mut request = [0; 1024];
            let length = stream.read(&mut request).unwrap();
            stream.write_all(b"HTTP/1.1 201 Created\r\nX-Node: b\r\n\r\n").unwrap();
            String::from_utf8_lossy(&request[..length]).into_owned()
        });
        let node = HttpTarget::new(Ipv4Addr::LOCALHOST, port).write(7).unwrap();
        assert_eq!(node, "b");
        let request = served.join().unwrap();
        assert!(request.starts_with("POST /users HTTP/1.1\r\n"), "{request}");
        assert!(request.ends_with(r#"{"id":7,"name":"user 7"}"#), "{request}");
    }

    #[test]
    fn an_answer_that_was_cut_off_is_no_answer() {
        assert!(parse("HTTP/1.1 201 Cre").is_err());
        assert!(parse("").is_err());
    }
}
