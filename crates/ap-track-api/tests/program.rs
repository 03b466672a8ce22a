//! The real program against servers that are well, ill, hung and gone.

#![allow(clippy::unwrap_used)] // helpers of tests may assert as tests do

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

/// Says `answer` to everyone who connects, then holds the line or closes it.
fn server(answer: &'static [u8], hold: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/healthz", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let mut held = Vec::new();
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(answer);
            if hold {
                held.push(stream);
            }
        }
    });
    url
}

fn track(arguments: &[&str]) -> Output {
    // The name of the running test: each keeps its verdicts for itself.
    let test = std::thread::current().name().unwrap_or("x").to_owned();
    let run = std::env::temp_dir().join(format!("ap-track-api-{test}-{}", std::process::id()));
    let output = Command::new(env!("CARGO_BIN_EXE_ap-track-api"))
        .args(arguments)
        .arg("--run-dir")
        .arg(&run)
        // A proxy where nobody listens: whoever asked it would fail.
        .env("http_proxy", "http://127.0.0.1:9")
        .env("HTTP_PROXY", "http://127.0.0.1:9")
        .env("ALL_PROXY", "http://127.0.0.1:9")
        .output()
        .unwrap();
    let _ = std::fs::remove_dir_all(run);
    output
}

fn assert_said(url: &str, arguments: &[&str], code: i32, said: &str) {
    let output = track(&[&["--url", url], arguments].concat());
    let out = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(code), "{url} {arguments:?}: {out}");
    assert!(out.contains(said), "{out} instead of {said}");
}

#[test]
fn answers_decide() {
    const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nall ok";
    const ILL: &[u8] = b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n";
    const AWAY: &[u8] = b"HTTP/1.1 302 Away\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n";
    const SHORT: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\nall ok";
    let table: &[(&'static [u8], &[&str], i32, &str)] = &[
        (OK, &[], 0, "good: "),
        (OK, &["--expect-body", "ok"], 0, "good: "),
        (OK, &["--expect-body", "fine"], 1, "the body does not contain 'fine'"),
        (OK, &["--expect-status", "204"], 1, "status 200 instead of 204"),
        (ILL, &[], 1, "status 500 instead of 200"),
        (ILL, &["--expect-status", "500"], 0, "good: "),
        (AWAY, &[], 1, "status 302 instead of 200"),
        (AWAY, &["--redirects", "1"], 1, "refused"),
        (SHORT, &[], 1, "bad: "),
        (b"hello\r\n\r\n", &[], 1, "bad: "),
        (b"", &[], 1, "bad: "),
    ];
    for (answer, arguments, code, said) in table {
        assert_said(&server(answer, false), arguments, *code, said);
    }
}

#[test]
fn a_redirect_is_followed_when_asked_for() {
    let there = server(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false);
    let away = format!("HTTP/1.1 302 Away\r\nLocation: {there}\r\nContent-Length: 0\r\n\r\n");
    assert_said(&server(away.leak().as_bytes(), false), &["--redirects", "1"], 0, "good: ");
}

#[test]
fn a_hung_server_is_bad_before_the_deadline_of_keepalived() {
    let silent = server(b"", true);
    let stuck = server(b"HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\nall ok", true);
    for url in [silent, stuck] {
        let before = Instant::now();
        assert_said(&url, &["--deadline", "300ms"], 1, "no complete answer in time");
        assert!(before.elapsed() < Duration::from_millis(900), "{:?}", before.elapsed());
    }
}

#[test]
fn a_server_that_drips_is_bad_at_the_deadline() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 6000\r\n\r\n");
        while stream.write_all(b"x").is_ok() {
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    let before = Instant::now();
    assert_said(&url, &["--deadline", "300ms"], 1, "no complete answer in time");
    assert!(before.elapsed() < Duration::from_millis(900));
}

#[test]
fn a_closed_port_is_bad() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    assert_said(&url, &[], 1, "refused");
}

#[test]
fn an_endless_body_is_bad() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        while stream.write_all(&[b'x'; 65536]).is_ok() {}
    });
    assert_said(&url, &["--deadline", "5s"], 1, "longer than 1048576 bytes");
}

#[test]
fn a_wrong_command_line_or_configuration_is_bad_too() {
    let table: &[(&[&str], i32, &str)] = &[
        (&["--uri", "http://h/"], 64, "--url"),
        (&["--redirects", "1"], 64, "--url"),
        (&["--url", "http://h/", "--redirects", "11"], 64, "11"),
        (&["--url", "http://h/", "--config", "x"], 64, "cannot be used with"),
        (&["--config", "/nonexistent/ap.toml"], 78, "/nonexistent/ap.toml"),
        (&["--url", "gopher://h/"], 1, ""),
        (&["--url", "nonsense"], 1, ""),
    ];
    for (arguments, code, said) in table {
        let output = track(arguments);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(*code), "{arguments:?}: {errors}");
        assert!(errors.contains(said), "{errors}");
    }
}
