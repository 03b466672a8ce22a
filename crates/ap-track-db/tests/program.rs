//! The real program against databases that are gone, mute and refusing.

#![allow(clippy::unwrap_used)] // helpers of tests may assert as tests do

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

/// A directory that goes away with the test.
struct Dir(PathBuf);

impl Dir {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("ap-track-db-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        let dir = Self(path);
        dir.credentials(0o600);
        dir
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    fn credentials(&self, mode: u32) {
        let path = self.0.join("credentials.toml");
        let text =
            "user = \"ap\"\npassword = \"sesame\"\nreplication-user = \"apr\"\nreplication-password = \"sesame\"\n";
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    fn track(&self, arguments: &[&str]) -> Output {
        let output = Command::new(env!("CARGO_BIN_EXE_ap-track-db"))
            .args(arguments)
            .args(["--run-dir", &self.path("run")])
            .output()
            .unwrap();
        let said = [output.stdout.clone(), output.stderr.clone()].concat();
        assert!(!String::from_utf8_lossy(&said).contains("sesame"));
        output
    }

    fn ask(&self, deadline: &str) -> Output {
        let (socket, credentials) = (self.path("sock"), self.path("credentials.toml"));
        self.track(&["--socket", &socket, "--credentials", &credentials, "--deadline", deadline])
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_missing_socket_is_bad_and_named() {
    let dir = Dir::new("missing");
    let output = dir.ask("5s");
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1));
    assert!(said.starts_with("bad: failed to connect to the database at "), "{said}");
    assert!(said.contains("/sock"), "{said}");
    assert!(std::fs::read_to_string(dir.path("run/track/db")).unwrap().contains("\"good\":false"));
}

#[test]
fn a_mute_server_is_bad_at_the_deadline() {
    let dir = Dir::new("mute");
    // Never accepts, like a server that was sent SIGSTOP.
    let _listener = UnixListener::bind(dir.path("sock")).unwrap();
    let before = Instant::now();
    assert_eq!(dir.ask("300ms").status.code(), Some(1));
    assert!(before.elapsed() < Duration::from_millis(900), "{:?}", before.elapsed());
}

#[test]
fn a_server_that_talks_nonsense_is_bad() {
    let dir = Dir::new("nonsense");
    let listener = UnixListener::bind(dir.path("sock")).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            // As MariaDB says it: error 1040 in place of a greeting.
            let _ = stream.unwrap().write_all(b"\x17\0\0\0\xff\x10\x04Too many connections");
        }
    });
    let output = dir.ask("5s");
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1));
    assert!(said.contains("Too many connections"), "{said}");
}

#[test]
fn credentials_open_to_others_are_refused() {
    let dir = Dir::new("open");
    dir.credentials(0o644);
    let output = dir.ask("5s");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(78), "{errors}");
    assert!(errors.contains("credentials.toml: has mode 0644"), "{errors}");
}

#[test]
fn a_wrong_command_line_or_configuration_is_bad_too() {
    let dir = Dir::new("wrong");
    let table: &[(&[&str], i32, &str)] = &[
        (&["--socket", "/x"], 64, "--credentials"),
        (&["--vip", "192.0.2.10"], 64, "--socket"),
        (&["--config", "/nonexistent/ap.toml"], 78, "/nonexistent/ap.toml"),
        (&["--socket", "/x", "--credentials", "/nonexistent/c"], 78, "/nonexistent/c"),
    ];
    for (arguments, code, said) in table {
        let output = dir.track(arguments);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(*code), "{arguments:?}: {errors}");
        assert!(errors.contains(said), "{errors}");
    }
}
