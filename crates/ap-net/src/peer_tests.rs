//! The question against peers that answer well, badly, late and not at all.

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::Duration;

use super::*;

const ANSWER: &str = r#"{"host":"two","codename":"ap","version":"0.1.0","mode":"ap","role":"standby",
"epoch":3,"solo":false,"fenced":false,"promoting":false,"grant":null,"lease":true,"relay":"","vrrp":"BACKUP",
"vip":false,"gateway":"answers","writable":false,"db-version":"10.11","binlog-pos":"0-1-4",
"slave-pos":"0-1-4","io-pos":"0-1-4","binlog-state":"0-1-4","user-tables":1,"replicating":true,
"doing":"","since":"","who":"","why":"","protected":true,"protection":""}"#;

/// Listens, says `text` to the first who connects, and holds the line if told so.
fn peer(text: String, hold: bool) -> SocketAddrV4 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let SocketAddr::V4(address) = listener.local_addr().unwrap() else { unreachable!() };
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.write_all(text.as_bytes());
        if hold {
            std::thread::park();
        }
    });
    address
}

fn question(to: SocketAddrV4) -> Question<'static> {
    Question { from: Ipv4Addr::LOCALHOST, to, codename: "ap", deadline: Duration::from_millis(200) }
}

#[test]
fn answers_and_non_answers() {
    let flat = ANSWER.replace('\n', "");
    let table = [
        (format!("{flat}\n"), true, "epoch 3"),
        (format!("{flat}\n"), false, "epoch 3"),
        (
            flat.replace("\"ap\",\"version", "\"db\",\"version") + "\n",
            false,
            "it belongs to the pair 'db', not to 'ap'",
        ),
        ("hello\n".into(), false, "not what a node says"),
        (flat.clone(), false, "it hung up in the middle of a line"),
        (flat, true, "connected, but nothing said"),
        ("x".repeat(LONGEST + 4097), true, "it said more than 65536 bytes"),
    ];
    for (text, hold, expected) in table {
        let said = match ask(&question(peer(text, hold))) {
            Ok(answer) => format!("epoch {}", answer.epoch),
            Err(error) => format!("{error:#}"),
        };
        assert!(said.contains(expected), "{said} instead of {expected}");
    }
}

#[test]
fn nobody_there() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let SocketAddr::V4(free) = free else { unreachable!() };
    let error = format!("{:#}", ask(&question(free)).unwrap_err());
    assert!(error.contains("refused"), "{error}");
    let mut stranger = question(free);
    stranger.from = Ipv4Addr::new(192, 0, 2, 99);
    let error = format!("{:#}", ask(&stranger).unwrap_err());
    assert!(error.contains("own address 192.0.2.99 cannot be used"), "{error}");
}

#[test]
fn the_deadline_holds_however_slowly_it_talks() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let SocketAddr::V4(address) = listener.local_addr().unwrap() else { unreachable!() };
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        while stream.write_all(b"x").is_ok() {
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    let before = Instant::now();
    assert!(ask(&question(address)).is_err());
    assert!(before.elapsed() < Duration::from_secs(2));
}
