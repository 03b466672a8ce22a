//! Replaces the own data by the peer's: a mariadb-dump stream into a fresh data
//! directory, or a physical backup of the peer that an operator has laid beside it.
//! The old one is kept aside until an operator removes it. Safe to interrupt and
//! repeat: an unfinished copy is marked as such and begun anew.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use ap_core::gtid::GtidState;
use ap_core::sql::{Account, create_accounts};

use super::DataDirectory;
use super::backup::Backup;
use super::copy::copy_files;
use super::server::data_directory;
use crate::adapters::Mark;
use ap_host::process::run;
use ap_host::store::remove_if_there;

/// In the data directory while the copy is not complete.
const UNFINISHED: &str = "ap-reseed-unfinished";
/// Longest making of an empty data directory, and longest short statement.
const SHORT: Duration = Duration::from_secs(120);
/// MariaDB's own schemas are made anew, not copied; its accounts are, as statements.
const SCHEMAS: &str = "SELECT SCHEMA_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME NOT IN \
     ('mysql','information_schema','performance_schema','sys')";
/// Bytes of data that the peer's tables hold, for the progress; the dump is of
/// about that size.
const SIZE: &str = "SELECT COALESCE(SUM(DATA_LENGTH), 0) FROM information_schema.TABLES WHERE TABLE_SCHEMA NOT IN \
     ('mysql','information_schema','performance_schema','sys')";
/// What each server has written, long ago perhaps: an adopted one had another id.
const BINLOG_STATE: &str = "SELECT @@GLOBAL.gtid_binlog_state";
/// What becomes of that file when it is.
const COPIED: &str = "ap-reseed-finished";

/// Whether the data directory is a copy.
pub fn mark() -> Mark {
    let data = data_directory();
    if data.join(UNFINISHED).exists() {
        Mark::Unfinished
    } else if data.join(COPIED).exists() {
        Mark::Copied
    } else {
        Mark::Own
    }
}

impl DataDirectory {
    /// Copies the peer's data over this node's. The database is stopped before.
    pub(super) fn copy_peer(&self, tell: &dyn Fn(String)) -> Result<()> {
        let options = self.store.run("reseed.cnf");
        self.write_options(&options)?;
        let result = self.copy_from_peer(&options, tell);
        remove_if_there(&options)?;
        result
    }

    fn copy_from_peer(&self, options: &Path, tell: &dyn Fn(String)) -> Result<()> {
        // Asked before anything is moved: a peer that refuses costs nothing.
        let ask = |sql| {
            run(client("mariadb", options, &["--batch", "--skip-column-names", "-e", sql]), b"", SHORT)
                .context("the peer's database does not let this node read")
        };
        // Before the copy, which then has all of it and more.
        let history = ask(BINLOG_STATE)?;
        let state: GtidState = history.trim().parse().context("the peer's gtid_binlog_state is none")?;
        if let Some(backup) = Backup::find(&data_directory())? {
            return self.restore(tell, &backup, &state);
        }
        let history = set_binlog_state(history.trim());
        let schemas = ask(SCHEMAS)?;
        let size = ask(SIZE)?.trim().parse().unwrap_or(0);
        fresh_data_directory(tell)?;
        self.start_server()?;
        let accounts = self.accounts();
        self.as_root(&format!("RESET MASTER;\n{history}{accounts}"))?;
        let schemas: Vec<&str> = schemas.lines().collect();
        let common = [
            "--single-transaction",
            "--gtid",
            "--master-data=1",
            "--routines",
            "--events",
            "--triggers",
            "--databases",
        ];
        if schemas.is_empty() {
            bail!("the peer has no data to copy: `ap-mode set ap` without --reseed");
        }
        let arguments: Vec<&str> = common.iter().copied().chain(schemas).collect();
        self.stream(tell, client("mariadb-dump", options, &arguments), size)?;
        // After the data: an account made meanwhile comes twice, which replication
        // reports, instead of not at all, which nobody would.
        self.stream(tell, client("mariadb-dump", options, &["--system=users", "--insert-ignore"]), 0)?;
        self.as_root(&format!("FLUSH PRIVILEGES;\n{accounts}"))?;
        finished(&data_directory())
    }

    /// Host and password of the peer in a file, never on a command line.
    fn write_options(&self, path: &Path) -> Result<()> {
        let quoted = self.credentials.replication_password.replace('\\', "\\\\").replace('"', "\\\"");
        let text = format!(
            "[client]\nhost={}\nport={}\nuser={}\npassword=\"{quoted}\"\n[mysql]\nconnect-timeout=5\n",
            self.peer.address, self.config.database.port, self.credentials.replication_user
        );
        ap_host::write_atomically(path, text.as_bytes(), 0o600)
            .with_context(|| format!("failed to write {}", path.display()))
    }

    pub(super) fn accounts(&self) -> String {
        let c = &self.credentials;
        let statements = create_accounts(
            Account { user: &c.user, password: &c.password },
            Account { user: &c.replication_user, password: &c.replication_password },
            &[self.own.address, self.peer.address],
        );
        statements.iter().map(|statement| format!("{};\n", statement.text())).collect()
    }

    /// Statements as root on the local socket. A failure is told without them:
    /// they hold passwords.
    pub(super) fn as_root(&self, statements: &str) -> Result<()> {
        let statements = format!("SET SESSION sql_log_bin=0;\n{statements}");
        run(self.root_client(), statements.as_bytes(), SHORT).map(drop).map_err(|error| {
            match error.to_string().contains("near '") {
                true => anyhow::anyhow!("the local database refused a statement"),
                false => error,
            }
        })
    }

    /// Of the local database, as root by its socket.
    pub(super) fn root_client(&self) -> Command {
        let mut mariadb = Command::new("mariadb");
        mariadb.args(["--no-defaults", "--user=root", "--batch"]);
        mariadb.arg(format!("--socket={}", self.config.database.socket.display()));
        mariadb
    }
}

/// A new database in place of the old one.
fn fresh_data_directory(tell: &dyn Fn(String)) -> Result<()> {
    let data = empty_data_directory(tell)?;
    let mut install = Command::new("mariadb-install-db");
    install
        .args(["--user=mysql", "--auth-root-authentication-method=socket", "--skip-test-db", "--skip-name-resolve"])
        .arg(format!("--datadir={}", data.display()));
    run(install, b"", SHORT).context("failed to make an empty data directory")?;
    Ok(())
}

/// Moves the data directory aside, unless it is a copy cut short, and has an empty
/// one in its place, marked as unfinished.
pub(super) fn empty_data_directory(tell: &dyn Fn(String)) -> Result<PathBuf> {
    let data = data_directory();
    let old = fs::metadata(&data).with_context(|| format!("failed to look at {}", data.display()))?;
    if !data.join(UNFINISHED).exists() {
        let stamp = ap_host::wall_clock().replace([':', '.'], "-");
        let aside = PathBuf::from(format!("{}.before-reseed-{stamp}", data.display()));
        set_aside(tell, &data, &aside)?;
        tell(format!("the old data directory is kept in {}", aside.display()));
    }
    if !data.exists() {
        fs::create_dir(&data).with_context(|| format!("failed to make {}", data.display()))?;
        fs::set_permissions(&data, fs::Permissions::from_mode(old.mode() & 0o7777))?;
        chown(&data, Some(old.uid()), Some(old.gid()))?;
    }
    fs::write(data.join(UNFINISHED), "").with_context(|| format!("failed to write in {}", data.display()))?;
    empty(&data).with_context(|| format!("failed to empty {}", data.display()))?;
    Ok(data)
}

/// A mount point cannot be renamed, and a directory of a lower overlay layer
/// neither: these are copied.
fn set_aside(tell: &dyn Fn(String), data: &Path, aside: &Path) -> Result<()> {
    match fs::rename(data, aside) {
        Ok(()) => Ok(()),
        Err(error) if matches!(error.kind(), ErrorKind::CrossesDevices | ErrorKind::ResourceBusy) => {
            tell(format!("{} cannot be renamed ({error}): copying it to {}", data.display(), aside.display()));
            copy_files(tell, data, aside).with_context(|| format!("failed to keep {} aside", data.display()))
        }
        Err(error) => Err(error).with_context(|| format!("failed to move {} aside", data.display())),
    }
}

/// Has the copy say that it holds what the peer's binary log names. The position
/// alone names the last server only, and the old active, when it returns, would
/// seem to have what all others wrote to itself.
///
/// As the peer writes it: per domain the last transaction stands last. In another
/// order MariaDB takes another one for the last, and finds no file for a replica that
/// asks for what follows the real one (1236).
pub(super) fn set_binlog_state(state: &str) -> String {
    if state.is_empty() { String::new() } else { format!("SET GLOBAL gtid_binlog_state='{state}';\n") }
}

/// The copy is complete.
pub(super) fn finished(data: &Path) -> Result<()> {
    fs::rename(data.join(UNFINISHED), data.join(COPIED))
        .with_context(|| format!("failed to mark the copy in {} as complete", data.display()))
}

/// Removes everything in a directory but the mark of an unfinished copy.
fn empty(directory: &Path) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_name() == UNFINISHED {
            continue;
        }
        if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        } else {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn client(program: &str, options: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.arg(format!("--defaults-file={}", options.display())).args(arguments);
    command
}
