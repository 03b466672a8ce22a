//! Copies that take long: of a dump, of files. How far they are is told, and one that
//! does not go on is given up.

use std::fs;
use std::io;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::DataDirectory;

/// Longest copy.
const COPY: Duration = Duration::from_secs(24 * 3600);
/// Longest time in which a copy does not go on: the peer has vanished.
const STALLED: Duration = Duration::from_secs(120);
/// How often progress is told.
const PROGRESS: Duration = Duration::from_secs(2);

impl DataDirectory {
    /// Runs a dump of about `size` bytes into the local database.
    pub(super) fn stream(&self, tell: &dyn Fn(String), mut dump: Command, size: u64) -> Result<()> {
        let mut dump = dump
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("failed to run mariadb-dump")?;
        let Some(out) = dump.stdout.take() else { bail!("mariadb-dump has no output") };
        let load = self
            .root_client()
            .arg("--init-command=SET SESSION sql_log_bin=0")
            .stdin(out)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .context("failed to run mariadb");
        let mut load = match load {
            Ok(load) => load,
            Err(error) => {
                let _ = dump.kill();
                let _ = dump.wait();
                return Err(error);
            }
        };
        let ended = follow_copy(tell, &mut [&mut dump, &mut load], size);
        if ended.is_err() {
            let _ = dump.kill();
            let _ = load.kill();
        }
        let (dump, load) = (dump.wait_with_output()?, load.wait_with_output()?);
        ended?;
        for (name, output) in [("mariadb-dump", dump), ("mariadb", load)] {
            if !output.status.success() {
                bail!("{name}: {}", String::from_utf8_lossy(&output.stderr).trim());
            }
        }
        Ok(())
    }
}

/// Everything in one directory into another one.
pub fn copy_files(tell: &dyn Fn(String), from: &Path, to: &Path) -> Result<()> {
    let (begun, size) = (Instant::now(), size(from)?);
    let mut copy = Command::new("cp")
        .args(["-a", "--reflink=auto", "--"])
        .args([&from.join("."), to])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .context("failed to run cp")?;
    let followed = follow_copy(tell, &mut [&mut copy], size);
    if followed.is_err() {
        let _ = copy.kill();
    }
    let output = copy.wait_with_output()?;
    followed?;
    if !output.status.success() {
        bail!("cp: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    tell(progress(size, size, begun.elapsed()));
    Ok(())
}

/// Until all have ended; tells how far the first is, which writes about `size` bytes.
fn follow_copy(tell: &dyn Fn(String), programs: &mut [&mut Child], size: u64) -> Result<()> {
    let begun = Instant::now();
    let (mut told, mut moved, mut bytes) = (begun, begun, Vec::new());
    loop {
        let mut running = false;
        for program in programs.iter_mut() {
            running |= program.try_wait()?.is_none();
        }
        if !running {
            return Ok(());
        }
        // What the dump has written, or what its reader still works on.
        let now: Vec<u64> = programs.iter().map(|program| written(program.id())).collect();
        if now != bytes {
            (bytes, moved) = (now, Instant::now());
        }
        if moved.elapsed() > STALLED {
            bail!("nothing was copied for {} s", STALLED.as_secs());
        }
        if begun.elapsed() > COPY {
            bail!("the copy did not end within {} h", COPY.as_secs() / 3600);
        }
        if told.elapsed() >= PROGRESS {
            told = Instant::now();
            tell(progress(bytes.first().copied().unwrap_or(0), size, begun.elapsed()));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// How far a copy is: bytes, rate, and about how long it will still take.
fn progress(copied: u64, size: u64, took: Duration) -> String {
    const MIB: u64 = 1_048_576;
    let rate = copied as f64 / took.as_secs_f64().max(0.001);
    let left = size.saturating_sub(copied) as f64 / rate.max(1.0);
    let (copied, rate) = (copied / MIB, rate / MIB as f64);
    if size == 0 {
        return format!("copied {copied} MiB, {rate:.0} MiB/s");
    }
    format!("copied {copied} of about {} MiB, {rate:.0} MiB/s, about {left:.0} s left", size / MIB)
}

/// Bytes a process has written so far (proc(5), io).
fn written(pid: u32) -> u64 {
    let io = fs::read_to_string(format!("/proc/{pid}/io")).unwrap_or_default();
    io.lines().find_map(|line| line.strip_prefix("wchar: ")).and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// Bytes of all files in a directory and below.
fn size(directory: &Path) -> io::Result<u64> {
    let mut sum = 0;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        sum += if entry.file_type()?.is_dir() { size(&entry.path())? } else { entry.metadata()?.len() };
    }
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_says_rate_and_remaining_time() {
        let mib = 1_048_576;
        assert_eq!(
            progress(10 * mib, 50 * mib, Duration::from_secs(2)),
            "copied 10 of about 50 MiB, 5 MiB/s, about 8 s left"
        );
        assert_eq!(progress(0, 0, Duration::ZERO), "copied 0 MiB, 0 MiB/s");
    }
}
