//! Reads the binary log of a server that need not run, for whoever is to decide
//! about its tail.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use ap_core::agent::Part;
use ap_core::gtid::Gtid;
use ap_db::Release;

use super::server::{data_directory, release, setting};
use ap_host::process::end;

/// Longest reading of the binary log's tail.
const TAIL: Duration = Duration::from_secs(60);
/// How far back the binary log is read for it, about as much as can be read in that time.
const TAIL_BYTES: u64 = 2 << 30;
/// What mariadb-binlog says when its files begin after the position, as they do once
/// a copy of the peer's data was made: all of that server's in them lies beyond it.
const BEGIN_LATER: &str = "missing data for domain";

/// The last files of the binary log, oldest first: the tail may have been begun
/// before a restart or a rotation.
pub fn last_files() -> Vec<PathBuf> {
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

/// Prints a part of the binary log as SQL.
pub fn print(logs: &[PathBuf], part: &Part, out: &File) -> Result<()> {
    let out = || out.try_clone().context("failed to write the tail of the binary log");
    let Some(after) = part.after else { return run(logs, part.server, &[], out()?, None) };
    if !release().is_some_and(Release::binlog_from_gtid) {
        return run(logs, part.server, &[], out()?, Some(after));
    }
    match run(logs, part.server, &[format!("--start-position={after}")], out()?, None) {
        Err(error) if error.to_string().contains(BEGIN_LATER) => run(logs, part.server, &[], out()?, None),
        printed => printed,
    }
}

/// Runs mariadb-binlog; with `after` only what follows that transaction goes to `out`.
fn run(logs: &[PathBuf], server: u32, arguments: &[String], out: File, after: Option<Gtid>) -> Result<()> {
    let mut command = Command::new("mariadb-binlog");
    command.args(["--verbose", "--base64-output=decode-rows"]).arg(format!("--server-id={server}"));
    command.args(arguments).args(logs).stdin(Stdio::null()).stderr(Stdio::piped());
    let filtered = match after {
        None => {
            command.stdout(out);
            None
        }
        Some(after) => {
            command.stdout(Stdio::piped());
            Some((after, out))
        }
    };
    let mut child = command.spawn().context("failed to run mariadb-binlog")?;
    let filter = filtered.zip(child.stdout.take()).map(|((after, out), text)| {
        std::thread::spawn(move || only_after(after, BufReader::new(text), BufWriter::new(out)))
    });
    let ended = end(child, "mariadb-binlog", TAIL);
    if let Some(filter) = filter {
        filter.join().map_err(|_| anyhow!("the tail of the binary log was not read to its end"))??;
    }
    ended.map(drop)
}

/// What mariadb-binlog prints before the first event, and then the transactions of
/// one server in one domain after that one.
fn only_after(after: Gtid, mut text: impl BufRead, mut out: impl Write) -> io::Result<()> {
    let (mut line, mut keep) = (Vec::new(), true);
    while text.read_until(b'\n', &mut line)? > 0 {
        if let Some(gtid) = begins(&line) {
            keep = (gtid.domain, gtid.server) == (after.domain, after.server) && gtid.seq > after.seq;
        } else if line == b"# at 4\n" {
            // The first event of a file: a header, or what follows the last transaction.
            keep = false;
        }
        if keep {
            out.write_all(&line)?;
        }
        line.clear();
    }
    out.flush()
}

/// The transaction that begins with this line: `#... CRC32 0x1 \tGTID 0-2-301 trans`.
fn begins(line: &[u8]) -> Option<Gtid> {
    // Values of rows begin with `###`, statements with anything else.
    let line = std::str::from_utf8(line).ok().filter(|line| line.starts_with('#') && !line.starts_with("##"))?;
    line.split_once("\tGTID ")?.1.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_follows_is_kept() {
        let event = |gtid: &str, row: &str| {
            format!("#251125 20:00:00 server id 2  end_log_pos 9 CRC32 0x1 \tGTID {gtid} trans\n### @1='{row}'\n")
        };
        let file = "# at 4\n#251125 server id 2 Start: binlog v 4\n";
        let text = [
            "DELIMITER /*!*/;\n".to_owned(),
            file.to_owned(),
            event("0-2-300", "common"),
            event("0-2-301", "# \tGTID 0-2-1"),
            event("1-2-302", "elsewhere"),
            file.to_owned(),
            event("0-2-302", "last"),
        ];
        let mut out = Vec::new();
        only_after("0-2-300".parse().unwrap(), text.concat().as_bytes(), &mut out).unwrap();
        let expected = [text[0].clone(), text[3].clone(), text[6].clone()].concat();
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
