//! Takes down a lab by its id, also one whose program crashed.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::command::host;

/// Where labs keep what they need while they run.
pub const STATE: &str = "/run/ap-lab";
const KEEP: &str = "keep";

/// Directory of lab `id`.
pub fn directory(id: &str) -> PathBuf {
    Path::new(STATE).join(id)
}

/// File beside the directory that names the process a lab belongs to.
fn owner_file(id: &str) -> PathBuf {
    Path::new(STATE).join(format!("{id}.owner"))
}

/// Control group of lab `id`, in the lab's own mount of cgroup v2.
pub fn group(id: &str) -> PathBuf {
    directory(id).join("cgroup").join(group_name(id))
}

/// Name of that control group.
pub fn group_name(id: &str) -> String {
    format!("ap-lab-{id}")
}

/// Name of the lab's network namespace.
pub fn namespace(id: &str) -> String {
    format!("ap-lab-{id}")
}

/// Writes down that this process owns lab `id`.
pub fn claim(id: &str) -> Result<()> {
    fs::create_dir_all(STATE)?;
    let me = std::process::id();
    Ok(fs::write(owner_file(id), format!("{me} {}", start_time(me)))?)
}

/// Lets lab `id` outlive this process.
pub fn keep(id: &str) -> Result<()> {
    Ok(fs::write(owner_file(id), KEEP)?)
}

/// What became of the program that set up a lab.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// It runs.
    Alive,
    /// It ended and left the lab running on purpose.
    Kept,
    /// It died.
    Dead,
}

/// Ids of all labs on this machine.
pub fn labs() -> Result<Vec<(String, Owner)>> {
    let Ok(entries) = fs::read_dir(STATE) else {
        return Ok(Vec::new());
    };
    let mut labs = Vec::new();
    for entry in entries {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if let Some(id) = name.strip_suffix(".owner") {
            let owner = fs::read_to_string(owner_file(id)).unwrap_or_default();
            let owner = match owner.as_str() {
                KEEP => Owner::Kept,
                owner if alive(owner) => Owner::Alive,
                _ => Owner::Dead,
            };
            labs.push((id.to_owned(), owner));
        }
    }
    Ok(labs)
}

/// Takes down labs of programs that died without doing so.
pub fn remove_dead() -> Result<()> {
    for (id, owner) in labs()? {
        if owner == Owner::Dead {
            eprintln!("lab: removing what is left of {id}");
            take_down(&id)?;
        }
    }
    Ok(())
}

/// Kills everything in lab `id` and removes its namespace, mounts and files.
/// Goes on past failures and reports the first.
pub fn take_down(id: &str) -> Result<()> {
    let directory = directory(id);
    let namespace = namespace(id);
    let mut results = vec![kill_group(&group(id)), remove_groups(&group(id))];
    if Path::new("/run/netns").join(&namespace).exists() {
        results.push(host("ip", &["netns", "delete", &namespace]).map(drop));
    }
    for mount in [directory.join("cgroup"), directory.clone()] {
        if is_mount(&mount) {
            // Lazily: mount namespaces of dying nodes may hold on for a moment.
            results.push(host("umount", &["-l", &mount.to_string_lossy()]).map(drop));
        }
    }
    if directory.exists() && !is_mount(&directory) {
        results.push(fs::remove_dir(&directory).context("failed to remove the lab's directory"));
    }
    results.into_iter().collect::<Result<()>>().with_context(|| format!("failed to take down lab {id}"))?;
    Ok(fs::remove_file(owner_file(id))?)
}

/// Kills every process in a control group and below, waits until they are gone.
pub fn kill_group(group: &Path) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let processes = processes(group);
        if processes.is_empty() {
            return Ok(());
        }
        for process in processes {
            let _ = kill(Pid::from_raw(process), Signal::SIGKILL);
        }
        if Instant::now() > deadline {
            anyhow::bail!("processes survive SIGKILL in {}", group.display());
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Ids of all processes in a control group and below.
pub fn processes(group: &Path) -> Vec<i32> {
    let mut found: Vec<i32> = fs::read_to_string(group.join("cgroup.procs"))
        .unwrap_or_default()
        .lines()
        .filter_map(|line| line.parse().ok())
        .collect();
    for child in children(group) {
        found.extend(processes(&child));
    }
    found
}

/// Removes a control group and those below.
pub fn remove_groups(group: &Path) -> Result<()> {
    for child in children(group) {
        remove_groups(&child)?;
    }
    // The dead leave their group only when the kernel has taken down what they held.
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        match fs::remove_dir(group) {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) if error.kind() == ErrorKind::ResourceBusy && Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(10));
            }
            Err(error) => return Err(error).with_context(|| format!("failed to remove {}", group.display())),
        }
    }
}

/// Control groups directly below `group`.
pub fn children(group: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(group) else {
        return Vec::new();
    };
    entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()).collect()
}

fn is_mount(path: &Path) -> bool {
    let path = path.to_string_lossy();
    fs::read_to_string("/proc/self/mounts")
        .unwrap_or_default()
        .lines()
        .any(|line| line.split(' ').nth(1) == Some(path.as_ref()))
}

fn alive(owner: &str) -> bool {
    // The start time tells a process from a later one with the same number.
    let mut words = owner.split(' ');
    match (words.next().and_then(|w| w.parse().ok()), words.next()) {
        (Some(process), Some(started)) => start_time(process) == started,
        _ => false,
    }
}

fn start_time(process: u32) -> String {
    fs::read_to_string(format!("/proc/{process}/stat"))
        .ok()
        .and_then(|stat| {
            let after_name = stat.rsplit_once(") ")?.1;
            after_name.split(' ').nth(19).map(str::to_owned)
        })
        .unwrap_or_default()
}
