//! The real adapter against a private message bus with a stand-in for systemd
//! that answers early, late, wrongly or never. Needs `dbus-daemon` in PATH.

// Helpers of tests may assert like tests; the interface macro writes methods of its own.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use ap_systemd::{FileChange, Systemd, Units};
use zbus::blocking::Connection;
use zbus::blocking::connection::Builder;
use zbus::object_server::SignalEmitter;
use zbus::zvariant::{ObjectPath, OwnedObjectPath};

const SOON: Duration = Duration::from_millis(300);
const LATE: Duration = Duration::from_secs(20);

/// A message bus of this test's own.
struct Daemon(Child, String);

impl Daemon {
    fn start() -> Self {
        let mut child = Command::new("dbus-daemon")
            .args(["--session", "--nofork", "--nopidfile", "--print-address=1", "--address=unix:tmpdir=/tmp"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("dbus-daemon must be in PATH (Debian package dbus-daemon)");
        let mut address = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut address).unwrap();
        Self(child, address.trim().to_owned())
    }

    fn signal(&self, signal: &str) {
        assert!(Command::new("kill").args([signal, &self.0.id().to_string()]).status().unwrap().success());
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// systemd's manager, as odd as a test wants it.
struct Manager {
    calls: Arc<Mutex<Vec<String>>>,
}

fn path(text: &str) -> OwnedObjectPath {
    ObjectPath::try_from(text.to_owned()).unwrap().into()
}

#[zbus::interface(name = "org.freedesktop.systemd1.Manager")]
impl Manager {
    fn subscribe(&self) {}

    /// The unit's name says how its job ends.
    async fn start_unit(
        &self,
        unit: String,
        mode: String,
        #[zbus(signal_emitter)] emitter: SignalEmitter<'_>,
    ) -> zbus::fdo::Result<OwnedObjectPath> {
        assert_eq!(mode, "replace");
        let result = unit.trim_end_matches(".service");
        // Another's job first, then ours before its number is even known to the caller.
        Self::job_removed(&emitter, 6, path("/job/6"), "other.service".into(), "failed".into()).await?;
        if result != "never" {
            Self::job_removed(&emitter, 7, path("/job/7"), unit.clone(), result.into()).await?;
        }
        Ok(path("/job/7"))
    }

    fn stop_unit(&self, _unit: String, _mode: String) -> zbus::fdo::Result<OwnedObjectPath> {
        thread::sleep(Duration::from_secs(2));
        Ok(path("/job/8"))
    }

    fn mask_unit_files(&self, units: Vec<String>, runtime: bool, force: bool) -> Vec<(String, String, String)> {
        assert!(!runtime && force);
        self.calls.lock().unwrap().push(format!("mask {}", units.join(" ")));
        Vec::new()
    }

    fn disable_unit_files(
        &self,
        units: Vec<String>,
        _runtime: bool,
    ) -> zbus::fdo::Result<Vec<(String, String, String)>> {
        Err(zbus::fdo::Error::FileNotFound(units.join(" ")))
    }

    fn reload(&self) {
        self.calls.lock().unwrap().push("reload".into());
    }

    #[zbus(signal)]
    async fn job_removed(
        emitter: &SignalEmitter<'_>,
        id: u32,
        job: OwnedObjectPath,
        unit: String,
        result: String,
    ) -> zbus::Result<()>;

    #[zbus(property)]
    fn system_state(&self) -> String {
        "stopping".into()
    }
}

fn manager(daemon: &Daemon) -> (Connection, Arc<Mutex<Vec<String>>>) {
    let calls = Arc::default();
    let served = Builder::address(daemon.1.as_str())
        .unwrap()
        .name("org.freedesktop.systemd1")
        .unwrap()
        .serve_at("/org/freedesktop/systemd1", Manager { calls: Arc::clone(&calls) })
        .unwrap()
        .build()
        .unwrap();
    (served, calls)
}

fn timed_out(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<std::io::Error>())
        .any(|cause| cause.kind() == std::io::ErrorKind::TimedOut)
}

#[test]
fn jobs_end_as_systemd_says_even_before_it_answers() {
    let daemon = Daemon::start();
    let (_served, _) = manager(&daemon);
    let systemd = Systemd::at(&daemon.1, LATE);
    systemd.start("done.service", LATE).unwrap();
    let error = systemd.start("dependency.service", LATE).unwrap_err();
    assert_eq!(
        format!("{error:#}"),
        "failed to start dependency.service: job failed because a unit it depends on failed"
    );
    let begun = Instant::now();
    let error = systemd.start("never.service", SOON).unwrap_err();
    assert!(timed_out(&error) && begun.elapsed() < LATE / 4, "{error:#}");
    assert!(systemd.shutting_down().unwrap());
}

#[test]
fn unit_files_are_read_once_and_a_missing_one_is_no_error() {
    let daemon = Daemon::start();
    let (_served, calls) = manager(&daemon);
    let systemd = Systemd::at(&daemon.1, LATE);
    let files = |change, units: &[&str]| systemd.unit_files(&[(change, units)]);
    files(FileChange::Mask, &["a.service", "b.service"]).unwrap();
    files(FileChange::Disable, &["nowhere.service"]).unwrap();
    assert_eq!(*calls.lock().unwrap(), ["mask a.service b.service", "reload", "reload"]);
    // A method this systemd does not have is not success.
    assert!(files(FileChange::Unmask, &["a.service"]).is_err());
}

#[test]
fn nothing_hangs_when_d_bus_does() {
    let daemon = Daemon::start();
    let (_served, _) = manager(&daemon);
    let used = Systemd::at(&daemon.1, SOON);
    assert!(used.shutting_down().unwrap());
    // systemd is slow.
    assert!(timed_out(&used.stop("slow.service", SOON).unwrap_err()));
    // D-Bus is frozen: for a connection in use, and for one to be made.
    daemon.signal("-STOP");
    let begun = Instant::now();
    let fresh = Systemd::at(&daemon.1, SOON);
    for _ in 0..6 {
        assert!(used.shutting_down().is_err() && fresh.shutting_down().is_err());
        assert!(fresh.start("done.service", SOON).is_err());
    }
    assert!(begun.elapsed() < 20 * SOON, "{:?}", begun.elapsed());
    daemon.signal("-CONT");
    // Work that was given up ends, and everything is as before.
    let begun = Instant::now();
    while fresh.start("done.service", SOON).is_err() {
        assert!(begun.elapsed() < LATE, "still failing after D-Bus has come back");
        thread::sleep(Duration::from_millis(10));
    }
    assert!(used.shutting_down().unwrap());
}

#[test]
fn no_bus_at_all_is_an_error() {
    let systemd = Systemd::at("unix:path=/nonexistent/bus", SOON);
    let error = format!("{:#}", systemd.shutting_down().unwrap_err());
    assert!(error.starts_with("failed to read the state of the machine: D-Bus cannot be reached"), "{error}");
}
