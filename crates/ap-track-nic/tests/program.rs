//! The real program: exit codes, what it prints, what it keeps.

#![allow(clippy::unwrap_used)] // helpers of tests may assert as tests do

use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

/// A run directory that goes away with the test.
struct Run(PathBuf);

impl Run {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("ap-track-nic-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn track(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_ap-track-nic")).args(arguments).arg("--run-dir").arg(&self.0).output().unwrap()
    }

    fn kept(&self) -> String {
        std::fs::read_to_string(self.0.join("track/nic")).unwrap_or_default()
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn verdicts_are_exit_codes_and_are_kept() {
    let run = Run::new("verdicts");
    let table: &[(&[&str], i32, &str)] = &[
        (&["--nic", "lo"], 0, "good: lo is up and carries an address\n"),
        (&["--nic", "lo", "--address", "127.0.0.1"], 0, "good: lo is up and carries 127.0.0.1\n"),
        (&["--nic", "lo", "--address", "192.0.2.11"], 1, "bad: lo does not carry 192.0.2.11\n"),
        (&["--nic", "none0"], 1, "bad: none0 does not exist\n"),
    ];
    for (arguments, code, said) in table {
        let output = run.track(arguments);
        assert_eq!(output.status.code(), Some(*code), "{arguments:?}");
        assert_eq!(String::from_utf8_lossy(&output.stdout), *said);
        let good = format!("\"good\":{}", *code == 0);
        assert!(run.kept().contains(&good), "{}", run.kept());
    }
}

#[test]
fn waiting_ends_at_its_deadline_or_at_once() {
    let run = Run::new("wait");
    let before = Instant::now();
    assert_eq!(run.track(&["--nic", "none0", "--wait", "300ms"]).status.code(), Some(1));
    assert!(before.elapsed() >= Duration::from_millis(300));
    assert!(before.elapsed() < Duration::from_secs(3));
    assert_eq!(run.track(&["--nic", "lo", "--wait", "1h"]).status.code(), Some(0));
}

#[test]
fn a_wrong_command_line_or_configuration_is_bad_too() {
    let run = Run::new("wrong");
    let table: &[(&[&str], i32, &str)] = &[
        (&["--nick", "lo"], 64, "--nic"),
        (&["--nic", "lo", "--address", "here"], 64, "invalid value 'here'"),
        (&["--nic", "lo", "--config", "x"], 64, "cannot be used with"),
        (&["--config", "/nonexistent/ap.toml"], 78, "/nonexistent/ap.toml"),
    ];
    for (arguments, code, said) in table {
        let output = run.track(arguments);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(*code), "{arguments:?}: {errors}");
        assert!(errors.contains(said), "{errors}");
    }
    assert_eq!(run.track(&["--help"]).status.code(), Some(0));
}

#[test]
fn a_configuration_is_found_by_the_environment() {
    let run = Run::new("config");
    let config = run.0.join("ap.toml");
    let text = r#"
        vip = "192.0.2.10"
        host = [
            { name = "one", address = "192.0.2.11", nic = "eth0" },
            { name = "two", address = "192.0.2.12", nic = "eth0" },
        ]
        api.unit = "demo-api.service"
    "#;
    let track = |text: String| {
        std::fs::write(&config, text).unwrap();
        Command::new(env!("CARGO_BIN_EXE_ap-track-nic")).env("AP_CONFIG", &config).output().unwrap()
    };
    let output = track(format!("paths.run = {:?}\n{text}", run.0));
    assert_eq!(output.status.code(), Some(1));
    assert!(run.kept().contains("this machine has no host's address"), "{}", run.kept());
    let output = track(text.replace("vip", "vipp"));
    assert_eq!(output.status.code(), Some(78));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.contains("unknown key 'vipp'") && errors.contains("did you mean 'vip'?"), "{errors}");
}
