//! The way back of a fenced node: truncate what nobody was told succeeded, then
//! see whether the histories are one.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use ap_core::gtid::Extra;
use ap_core::history;
use ap_core::mode::Service;

use super::refused;
use super::reseed::copied;
use crate::node::Node;
use crate::store::remove_if_there;

/// Longest reading of the binary log's tail.
const TAIL: Duration = Duration::from_secs(60);
/// How far back the binary log is read for it, about as much as can be read in that time.
const TAIL_BYTES: u64 = 2 << 30;

/// The peer tells what it saw at its last look at its database. A node that has
/// just been replicating may have more than that, and no fork.
const BEHIND: Duration = Duration::from_secs(1);
/// What mariadb-binlog says when its files begin after the position, as they do once
/// a copy of the peer's data was made: all of that server's in them lies beyond it.
const BEGIN_LATER: &str = "missing data for domain";
/// Pause between two questions.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// What one server wrote after its last transaction that the peer has, too. What
/// others wrote after that is common, or a part of its own: whoever reads the tail
/// must find there what is given up, and nothing else.
struct Part {
    /// That transaction; empty when the peer has none.
    after: String,
    server: u32,
}

impl Node {
    /// Starts the database with `--init-rpl-role=SLAVE`, once: crash recovery then
    /// takes out of the binary log what was waiting for its acknowledgement, and
    /// rolls it back. The tail is saved before. On a node that had been solo this
    /// would destroy acknowledged rows, so the planner asks for it only after a
    /// fence within a session, and the drop-in lives under /run.
    pub fn start_truncating(&mut self) -> Result<()> {
        let own = setting("server-id").and_then(|id| id.parse().ok()).unwrap_or_default();
        let (version, tail) = match &self.shared.facts().heard.answer {
            Ok(peer) => {
                let known = peer.binlog_state.iter().filter(|gtid| gtid.server == own);
                let mut tail: Vec<Part> = known.map(|gtid| Part { after: gtid.to_string(), server: own }).collect();
                if tail.is_empty() {
                    tail.push(Part { after: String::new(), server: own });
                }
                (peer.db_version.clone(), tail)
            }
            Err(silence) => bail!("the peer does not answer any more: {silence}"),
        };
        if !knows_role(&version) {
            log::warn!(
                "MariaDB {version} has no --init-rpl-role: a tail that was never acknowledged makes the histories fork"
            );
            return self.start(Service::Database);
        }
        let saved = self.save_tail(&tail)?;
        let unit = self.config.database.unit.clone();
        let directory = PathBuf::from("/run/systemd/system").join(format!("{unit}.d"));
        let drop_in = directory.join("60-ap-role.conf");
        fs::create_dir_all(&directory).with_context(|| format!("failed to make {}", directory.display()))?;
        fs::write(&drop_in, "# For one start after a fence, see ap-notify(8).\n[Service]\nEnvironment=MYSQLD_OPTS=--init-rpl-role=SLAVE\n")
            .with_context(|| format!("failed to write {}", drop_in.display()))?;
        let started = self.units.unit_files(&[]).and_then(|()| self.start(Service::Database));
        remove_if_there(&drop_in)?;
        self.units.unit_files(&[])?;
        if let Some(saved) = saved {
            log::info!("what the binary log held beyond the peer's position is kept in {}", saved.display());
        }
        match started {
            Ok(()) => Ok(()),
            Err(error) => {
                // DDL behind the tail: recovery refuses to truncate (facts).
                log::warn!("{error:#}; starting without truncation");
                self.start(Service::Database)
            }
        }
    }

    /// Saves these parts of the binary log as SQL. `None` when there is none to read.
    fn save_tail(&self, tail: &[Part]) -> Result<Option<PathBuf>> {
        let logs = last_binlogs();
        let Some(log) = logs.last() else { return Ok(None) };
        let directory = self.config.state_dir().join("tails");
        ap_host::make_dir(&directory, 0o700)?;
        let file = directory.join(format!("epoch-{}-{}.sql", self.state().epoch, ap_host::boottime().as_secs()));
        let out = fs::File::create(&file).with_context(|| format!("failed to make {}", file.display()))?;
        for part in tail {
            let out = || out.try_clone().with_context(|| format!("failed to write {}", file.display()));
            let mut printed = print_binlog(&logs, part, out()?);
            if printed.as_ref().is_err_and(|error| error.to_string().contains(BEGIN_LATER)) {
                let all = Part { after: String::new(), server: part.server };
                printed = print_binlog(&logs, &all, out()?);
            }
            if let Err(error) = printed {
                // The position lies in another file: the whole last file is kept instead.
                log::warn!("{error:#}");
                fs::copy(log, file.with_extension("binlog"))
                    .with_context(|| format!("failed to copy {}", log.display()))?;
            }
        }
        Ok(Some(file))
    }

    /// Ends the rejoining if this node has what the peer lacks.
    pub fn compare_histories(&mut self) -> Result<()> {
        let own = self.status()?;
        let until = Instant::now() + BEHIND;
        let (compared, extra) = loop {
            self.look_at_peer(false);
            let (compared, extra) = match &self.shared.facts().heard.answer {
                Ok(peer) => (history::compare(&own, peer, copied()), own.binlog_state.beyond(&peer.binlog_state)),
                Err(silence) => bail!("the peer does not answer any more: {silence}"),
            };
            if compared.is_ok() || Instant::now() >= until {
                break (compared, extra);
            }
            std::thread::sleep(LOOK_AGAIN);
        };
        let Err(forked) = compared else { return Ok(()) };
        if extra.is_empty() {
            return Err(refused(forked.evidence, forked.way));
        }
        let tail: Vec<Part> = extra
            .iter()
            .map(|Extra { domain, server, after, .. }| Part {
                after: after.map(|after| format!("{domain}-{server}-{after}")).unwrap_or_default(),
                server: *server,
            })
            .collect();
        let kept = match self.save_tail(&tail) {
            Ok(Some(file)) => format!("they are kept in {}", file.display()),
            Ok(None) => "they could not be saved: no binary log was found".to_owned(),
            Err(error) => format!("they could not be saved: {error:#}"),
        };
        Err(refused(format!("{}; {kept}", forked.evidence), forked.way))
    }
}

/// Prints a part of the binary log as SQL.
fn print_binlog(logs: &[PathBuf], part: &Part, out: fs::File) -> Result<()> {
    let mut command = Command::new("mariadb-binlog");
    command.args(["--verbose", "--base64-output=decode-rows"]).arg(format!("--server-id={}", part.server));
    if !part.after.is_empty() {
        command.arg(format!("--start-position={}", part.after));
    }
    let mut child = command
        .args(logs)
        .stdin(Stdio::null())
        .stdout(out)
        .stderr(Stdio::piped())
        .spawn()
        .context("failed to run mariadb-binlog")?;
    let until = Instant::now() + TAIL;
    while child.try_wait()?.is_none() {
        if Instant::now() >= until {
            let _ = child.kill();
            let _ = child.wait();
            bail!("mariadb-binlog did not end within {} s", TAIL.as_secs());
        }
        crate::serve::alive();
        std::thread::sleep(Duration::from_millis(5));
    }
    let result = child.wait_with_output()?;
    if !result.status.success() {
        bail!("mariadb-binlog: {}", String::from_utf8_lossy(&result.stderr).trim());
    }
    Ok(())
}

/// `--init-rpl-role` exists from 10.6.19, 10.11.9 and 11.4.3 on (facts).
fn knows_role(version: &str) -> bool {
    let numbers: Vec<u32> =
        version.split(|c: char| !c.is_ascii_digit()).take(3).filter_map(|part| part.parse().ok()).collect();
    match numbers.as_slice() {
        [10, 6, patch] => *patch >= 19,
        [10, 11, patch] => *patch >= 9,
        [11, 4, patch] => *patch >= 3,
        [11, minor, _] => *minor > 4,
        [major, ..] => *major > 11,
        [] => false,
    }
}

/// Where the server keeps its data, from its own settings.
pub fn data_directory() -> PathBuf {
    setting("datadir").map_or_else(|| "/var/lib/mysql".into(), PathBuf::from)
}

/// The last files of the binary log, oldest first: the tail may have been begun
/// before a restart or a rotation.
fn last_binlogs() -> Vec<PathBuf> {
    let data = data_directory();
    let base = data.join(setting("log-bin").unwrap_or_else(|| "mariadb-bin".into()));
    let index = fs::read_to_string(base.with_extension("index")).unwrap_or_default();
    let (mut logs, mut bytes) = (Vec::new(), 0);
    for name in index.lines().rev() {
        let log = data.join(name.trim_start_matches("./"));
        bytes += fs::metadata(&log).map_or(0, |file| file.len());
        if !logs.is_empty() && bytes > TAIL_BYTES {
            break;
        }
        logs.push(log);
    }
    logs.reverse();
    logs
}

/// A setting of the server, the last one wins as it does for the server.
fn setting(name: &str) -> Option<String> {
    let out = Command::new("my_print_defaults")
        .args(["--mysqld", "mariadb", "mariadbd", "server"])
        .stdin(Stdio::null())
        .output()
        .ok()?;
    String::from_utf8_lossy(&out.stdout).lines().rev().find_map(|line| {
        let (key, value) = line.strip_prefix("--")?.split_once('=')?;
        (key.replace('_', "-") == name).then(|| value.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::knows_role;

    #[test]
    fn releases_with_the_role_option() {
        for (version, expected) in [
            ("10.5.28-MariaDB", false),
            ("10.6.18", false),
            ("10.6.19", true),
            ("10.11.8-MariaDB-log", false),
            ("10.11.19-MariaDB-0+deb12u1", true),
            ("11.4.2", false),
            ("11.8.3", true),
            ("", false),
        ] {
            assert_eq!(knows_role(version), expected, "{version}");
        }
    }
}
