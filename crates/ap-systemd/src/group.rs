//! A unit's processes as the kernel keeps them, in the unit's control group:
//! the way to end them that does not need systemd to answer (F17).

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill as signal};
use nix::unistd::Pid;

/// Where systemd keeps the groups of services: cgroup v2, v2 beside v1, v1 alone.
const ROOTS: [&str; 3] =
    ["/sys/fs/cgroup/system.slice", "/sys/fs/cgroup/unified/system.slice", "/sys/fs/cgroup/systemd/system.slice"];
/// Pause between two looks; a process dies within a few of these.
const LOOK_AGAIN: Duration = Duration::from_micros(500);

/// SIGKILL for every process of a service; returns when none lives any more.
/// `false`: the service has no group where services have theirs, which is so when
/// it does not run, or was put into another slice.
///
/// # Errors
/// A process cannot be signalled, or lives on beyond the deadline.
pub fn kill(unit: &str, deadline: Duration) -> Result<bool> {
    let Some(group) = ROOTS.iter().map(|root| Path::new(root).join(unit)).find(|group| group.is_dir()) else {
        return Ok(false);
    };
    let until = Instant::now() + deadline;
    loop {
        // A zombie is not listed, so an empty list says that all have ended,
        // whether or not anybody has collected them (cgroups(7)).
        let processes = processes(&group)?;
        if processes.is_empty() {
            return Ok(true);
        }
        for process in processes {
            match signal(Pid::from_raw(process), Signal::SIGKILL) {
                Ok(()) | Err(nix::errno::Errno::ESRCH) => {}
                Err(errno) => bail!("failed to kill process {process} of {unit}: {errno}"),
            }
        }
        if Instant::now() >= until {
            bail!("processes of {unit} outlive SIGKILL by {} s", deadline.as_secs());
        }
        std::thread::sleep(LOOK_AGAIN);
    }
}

/// All processes of a group and of those below. A group that is gone has none.
fn processes(group: &Path) -> Result<Vec<i32>> {
    let list = group.join("cgroup.procs");
    let text = match fs::read_to_string(&list) {
        Ok(text) => text,
        Err(error) if matches!(error.raw_os_error(), Some(nix::libc::ENOENT | nix::libc::ENODEV)) => {
            return Ok(Vec::new());
        }
        Err(error) => return Err(error).with_context(|| format!("failed to read {}", list.display())),
    };
    let mut all: Vec<i32> = text.lines().filter_map(|line| line.parse().ok()).collect();
    for below in directories(group) {
        all.extend(processes(&below)?);
    }
    Ok(all)
}

fn directories(group: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(group).into_iter().flatten().flatten();
    entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|entry| entry.path()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_a_tree_and_takes_a_missing_one_for_empty() {
        let top = std::env::temp_dir().join(format!("ap-group-{}", std::process::id()));
        fs::create_dir_all(top.join("below")).unwrap();
        fs::write(top.join("cgroup.procs"), "12\n").unwrap();
        fs::write(top.join("below/cgroup.procs"), "34\n56\n").unwrap();
        let mut all = processes(&top).unwrap();
        all.sort_unstable();
        assert_eq!(all, [12, 34, 56]);
        fs::remove_dir_all(&top).unwrap();
        assert_eq!(processes(&top).unwrap(), Vec::<i32>::new());
        assert!(!kill("no-such-unit-anywhere.service", Duration::from_secs(1)).unwrap());
    }
}
