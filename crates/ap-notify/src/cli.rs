//! The command line, and what becomes of errors.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use ap_core::exit::Exit;
use ap_core::message::Message;
use ap_core::mode::{Service, Vrrp};
use ap_net::Kernel;
use ap_notify::adapters::{DBUS, RealFiles};
use ap_notify::{hook, service, shutdown};
use ap_systemd::Systemd;
use clap::{Parser, Subcommand};

/// Makes the node fit what keepalived decided.
///
/// `serve` is the service. Everything else puts one event into its FIFO and
/// returns: keepalived's classic notify form (`ap-notify INSTANCE ap MASTER 254`),
/// the words `master`, `backup`, `fault`, `stop`, and the systemd drop-ins.
#[derive(Debug, Parser)]
#[command(name = "ap-notify", version)]
pub struct Cli {
    /// Configuration file [env: AP_CONFIG] [default: /etc/ap/ap.toml]
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the service; started by systemd, which hands over the FIFO and the socket.
    Serve,
    /// keepalived made this node MASTER.
    Master,
    /// keepalived made this node BACKUP.
    Backup,
    /// keepalived sees a fault.
    Fault,
    /// keepalived stops.
    Stop,
    /// A unit has started (`ExecStartPost`).
    UnitStarted {
        /// database, api or keepalived.
        service: Service,
    },
    /// A unit is being stopped, or has ended by itself (`ExecStop`); reads `$MAINPID`.
    UnitStopping {
        /// database or api.
        service: Service,
    },
    /// keepalived is being stopped (`ExecStop`): if the machine goes down, the active
    /// of a pair hands over first.
    HandOver,
    /// A unit has ended (`ExecStopPost`); reads `$SERVICE_RESULT`.
    UnitStopped {
        /// database, api or keepalived.
        service: Service,
    },
    /// keepalived's own form: INSTANCE NAME STATE PRIORITY.
    #[command(name = "INSTANCE", alias = "GROUP")]
    Instance {
        /// The VRRP instance.
        name: String,
        /// MASTER, BACKUP, FAULT, STOP, DELETED.
        state: String,
        /// Its priority.
        priority: Option<String>,
    },
}

/// Dispatches, and prints an error once.
pub fn run(cli: Cli) -> ExitCode {
    let path = ap_host::config_path(cli.config);
    match dispatch(&path, cli.command) {
        Ok(exit) => exit.code().into(),
        Err(error) => {
            log::error!("{error:#}");
            exit_of(&error).code().into()
        }
    }
}

fn dispatch(path: &Path, command: Command) -> Result<Exit> {
    if let Command::Serve = command {
        service::run(path)?;
        return Ok(Exit::Ok);
    }
    let config = ap_host::load_config(path)?;
    let files = RealFiles::new(&config);
    let send = |word: Vrrp| hook::enqueue(&config, &Message::Vrrp(word));
    match command {
        Command::Serve => {}
        Command::Master => send(Vrrp::Master)?,
        Command::Backup => send(Vrrp::Backup)?,
        Command::Fault => send(Vrrp::Fault)?,
        Command::Stop => send(Vrrp::Stop)?,
        Command::UnitStarted { service } => hook::unit_started(&config, service)?,
        Command::UnitStopping { service } => {
            let main = std::env::var("MAINPID").ok().and_then(|pid| pid.parse().ok());
            hook::unit_stopping(&config, &files, service, main)?;
        }
        Command::HandOver => shutdown::hand_over(path, &config, &files, &Systemd::new(DBUS))?,
        Command::UnitStopped { service } => {
            let result = std::env::var("SERVICE_RESULT").unwrap_or_else(|_| "unknown".into());
            hook::unit_stopped(&config, &files, &Kernel, service, &result)?;
        }
        Command::Instance { name, state, .. } => {
            let line = format!("INSTANCE \"{name}\" {state} 0");
            match Message::parse(&line, &config.codename) {
                Ok(Some(message)) => hook::enqueue(&config, &message)?,
                Ok(None) => {}
                Err(error) => {
                    log::error!("{error}");
                    return Ok(Exit::Usage);
                }
            }
        }
    }
    Ok(Exit::Ok)
}

/// Which code of the table an error is.
fn exit_of(error: &anyhow::Error) -> Exit {
    for cause in error.chain() {
        if cause.is::<ap_host::LoadError>() || cause.is::<ap_db::credentials::CredentialsError>() {
            return Exit::Config;
        }
        if let Some(io) = cause.downcast_ref::<std::io::Error>() {
            return match io.kind() {
                std::io::ErrorKind::PermissionDenied => Exit::NoPermission,
                std::io::ErrorKind::StorageFull | std::io::ErrorKind::ReadOnlyFilesystem => Exit::CannotWrite,
                _ => Exit::Unavailable,
            };
        }
    }
    Exit::Unavailable
}

/// A wrong command line: said as clap says it, with the code of the table.
pub fn usage(error: &clap::Error) -> ExitCode {
    // Nothing can be done about a closed standard error.
    let _ = error.print();
    if error.use_stderr() { Exit::Usage.code().into() } else { ExitCode::SUCCESS }
}

/// `level: text`; the journal has the time.
pub fn log_line(out: &mut env_logger::fmt::Formatter, record: &log::Record<'_>) -> std::io::Result<()> {
    // The journal reads the priority from the front of the line.
    let priority = match record.level() {
        log::Level::Error => 3,
        log::Level::Warn => 4,
        log::Level::Info => 6,
        log::Level::Debug | log::Level::Trace => 7,
    };
    if std::env::var_os("JOURNAL_STREAM").is_some() {
        writeln!(out, "<{priority}>{}", record.args())
    } else {
        writeln!(out, "{}: {}", record.level().as_str().to_lowercase(), record.args())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manual_and_completions_are_up_to_date() {
        ap_docs::up_to_date(&<Cli as clap::CommandFactory>::command()).unwrap();
    }
}
