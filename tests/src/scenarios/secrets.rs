//! A password is in its own file and nowhere else: not in a journal, on a command
//! line, in an environment, in a file that others can read, or in what ap-mode prints.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use nix::sys::signal::Signal;

use crate::expect::{Is, expect};
use crate::failover::{Failover, way_back};
use crate::node::Node;
use crate::pair::Pair;
use crate::product::{ap_mode, wait_protected};
use crate::scenario::{Counts, Scenario, protected};

/// Scenarios of this file.
pub const SCENARIOS: &[Scenario] = &[protected("op", "secrets", secrets).long()];

/// A file of one password, beside the credentials with their keys.
const PASSWORD: &str = "/etc/ap/demo-password";
const CREDENTIALS: &str = "/etc/ap/credentials.toml";
/// What is searched: whatever others can reach there.
const PLACES: [&str; 5] = ["etc", "run", "var/lib/ap", "var/log", "tmp"];
/// Shorter ones are found by chance.
const SHORTEST: usize = 12;
const COMMANDS: [&str; 12] = [
    "status",
    "status --json",
    "show",
    "show --json",
    "check",
    "check --json",
    "history -n 0",
    "history -n 0 --json",
    "metrics",
    "install --dry-run",
    "set m --dry-run",
    "set ap --reseed --dry-run",
];
/// Everything that any library has to say.
const TALKATIVE: &str = "/run/systemd/system/ap-notify.service.d/90-trace.conf";

/// A secret and where it belongs; what is printed is the latter.
struct Secret {
    name: String,
    text: String,
}

/// Red with a dump that was given `--password=` beside its options file: it was on
/// the command line of mariadb-dump for the moment until that hides it.
fn secrets(pair: &Pair) -> Result<Counts> {
    let secrets = &known(&pair.a)?;
    pair.both(|node| {
        node.write(TALKATIVE, b"[Service]\nEnvironment=RUST_LOG=trace\n", "0644")?;
        node.run("systemctl daemon-reload; systemctl restart ap-notify").map(drop)
    })?;
    wait_protected(&pair.a)?;
    wait_protected(&pair.b)?;
    let (counts, looks) = watched(pair, secrets, || life(pair))?;
    let mut found = BTreeSet::new();
    let mut files = 0;
    for node in pair.nodes() {
        for arguments in COMMANDS {
            let said = node.sh(&format!("RUST_LOG=trace ap-mode {arguments} 2>&1"), Duration::from_secs(20))?;
            ensure!(!said.stdout.is_empty(), "ap-mode {arguments} says nothing");
            search(secrets, said.stdout.as_bytes(), &format!("ap-mode {arguments}"), node, &mut found);
        }
        // Its fields as well: whose command line it was that logged.
        let journal = node.sh("journalctl --all --output=export --no-pager", Duration::from_secs(60))?.success()?;
        ensure!(journal.contains("TRACE") || journal.len() > 100_000, "{} bytes of journal", journal.len());
        search(secrets, journal.as_bytes(), "journal", node, &mut found);
        let root = PathBuf::from(format!("/proc/{}/root", node.leader()?));
        for place in PLACES {
            files += readable(&root.join(place), &mut |path, text| {
                search(secrets, text, &path.strip_prefix(&root).unwrap_or(path).to_string_lossy(), node, &mut found);
            })?;
        }
    }
    none(&found)?;
    pair.both(|node| node.run(&format!("rm {TALKATIVE}; systemctl daemon-reload; systemctl restart ap-notify")))?;
    wait_protected(&pair.a)?;
    wait_protected(&pair.b)?;
    let note = format!("{} secrets, {looks} looks at all processes, {files} readable files", secrets.len());
    Ok(Counts { note, ..counts })
}

/// A failover, the way back, a handover, a copy of all data.
fn life(pair: &Pair) -> Result<Counts> {
    let mut story = Failover::begin(pair)?;
    let outage = story.strike(|node| node.signal_unit("mariadb.service", Signal::SIGKILL).map(drop))?;
    story.mend(|_| Ok(()))?;
    story.way_back()?;
    let (left, survivor) = (story.survivor, story.failed);
    let counts = story.end()?;
    ap_mode(left, "set m --why 'new memory'")?;
    expect(pair, survivor, Is::Alone)?;
    ap_mode(left, "set ap --reseed")?;
    way_back(pair, survivor)?;
    Ok(Counts { outage: Some(outage), ..counts })
}

/// All that is secret on a node, and the same on both.
fn known(node: &Node) -> Result<Vec<Secret>> {
    let credentials = node.run(&format!("cat {CREDENTIALS}"))?;
    let mut secrets = Vec::new();
    for line in credentials.lines() {
        let Some((key, value)) = line.split_once('=') else { continue };
        if key.contains("password") {
            let text = value.trim().trim_matches('"');
            secrets.push(Secret { name: format!("{} of {CREDENTIALS}", key.trim()), text: text.into() });
        }
    }
    secrets.push(Secret { name: PASSWORD.into(), text: node.run(&format!("cat {PASSWORD}"))? });
    let enough = secrets.iter().all(|secret| secret.text.len() >= SHORTEST);
    ensure!(secrets.len() == 3 && enough, "{} secrets, long enough: {enough}", secrets.len());
    // What a search must be able to find.
    ensure!(holds(&secrets[0], credentials.as_bytes()), "the search finds nothing");
    Ok(secrets)
}

fn holds(secret: &Secret, text: &[u8]) -> bool {
    String::from_utf8_lossy(text).contains(&secret.text)
}

fn search(secrets: &[Secret], text: &[u8], place: &str, node: &Node, found: &mut BTreeSet<String>) {
    for secret in secrets.iter().filter(|secret| holds(secret, text)) {
        found.insert(format!("{} in {place} on {}", secret.name, node.name()));
    }
}

fn none(found: &BTreeSet<String>) -> Result<()> {
    ensure!(found.is_empty(), "secrets lie open: {found:?}");
    Ok(())
}

/// Does `work` and looks at all processes of both nodes meanwhile, again and again.
fn watched<T>(pair: &Pair, secrets: &[Secret], work: impl FnOnce() -> Result<T>) -> Result<(T, usize)> {
    let (ended, looks, found) = (AtomicBool::new(false), AtomicUsize::new(0), Mutex::new(BTreeSet::new()));
    let result = std::thread::scope(|scope| {
        let watch = |node: &Node| {
            while !ended.load(Ordering::Relaxed) {
                let mut seen = BTreeSet::new();
                if processes(node, secrets, &mut seen).is_ok() {
                    looks.fetch_add(1, Ordering::Relaxed);
                }
                if let Ok(mut found) = found.lock() {
                    found.append(&mut seen);
                }
                std::thread::sleep(Duration::from_millis(1));
            }
        };
        let watchers = pair.nodes().map(|node| scope.spawn(move || watch(node)));
        let result = work();
        ended.store(true, Ordering::Relaxed);
        for watcher in watchers {
            watcher.join().map_err(|_| anyhow!("a watcher panicked"))?;
        }
        result
    })?;
    none(&found.into_inner().map_err(|_| anyhow!("a watcher panicked"))?)?;
    Ok((result, looks.into_inner()))
}

/// Command line and environment of each process there is now.
fn processes(node: &Node, secrets: &[Secret], found: &mut BTreeSet<String>) -> Result<()> {
    let proc = PathBuf::from(format!("/proc/{}/root/proc", node.leader()?));
    for entry in fs::read_dir(&proc)?.flatten() {
        if !entry.file_name().to_string_lossy().starts_with(|first: char| first.is_ascii_digit()) {
            continue;
        }
        for file in ["cmdline", "environ"] {
            // A process that has ended meanwhile.
            let text = fs::read(entry.path().join(file)).unwrap_or_default();
            if secrets.iter().any(|secret| holds(secret, &text)) {
                let name = fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
                search(secrets, &text, &format!("{file} of {}", name.trim()), node, found);
            }
        }
    }
    Ok(())
}

/// Every file below that others than its owner and group can get at. Returns how many.
fn readable(path: &Path, look: &mut dyn FnMut(&Path, &[u8])) -> Result<usize> {
    const OTHERS_READ: u32 = 0o004;
    const OTHERS_ENTER: u32 = 0o001;
    let Ok(meta) = fs::symlink_metadata(path) else { return Ok(0) };
    let mode = meta.permissions().mode();
    if meta.is_file() && mode & OTHERS_READ != 0 {
        let text = fs::read(path).with_context(|| format!("failed to read {}", path.display()))?;
        look(path, &text);
        return Ok(1);
    }
    if !meta.is_dir() || mode & OTHERS_ENTER == 0 {
        return Ok(0);
    }
    fs::read_dir(path)?.flatten().map(|entry| readable(&entry.path(), look)).sum()
}
