//! A `state.toml` that cannot be read. It is never guessed at: ap-notify does not
//! run with it, and the one way out is `set m`, which writes it anew.

use anyhow::{Context as _, Result};
use ap_core::config::Config;
use ap_core::exit::Exit;
use ap_core::message::Request;
use ap_core::mode::{Mode, Role};
use ap_core::state::{Intention, State};
use ap_host::store::Store;
use ap_net::{Net, Question};

use crate::failure::Failure;
use crate::install::host;
use crate::output::progress;

/// Does nothing when the state can be read. Otherwise, for `set m`, moves it aside
/// and writes that this node leaves: fenced, because it may have been the active.
///
/// # Errors
/// The state is damaged, and something else was asked, or nobody says who was
/// promoted last: the number of the last promotion is lost with the file.
pub fn repair(config: &Config, request: &Request) -> Result<()> {
    let store = Store::new(config);
    let Err(error) = store.state() else { return Ok(()) };
    let file = config.state_file();
    let set_m = matches!(request.verb, ap_core::message::Verb::Set { mode: Mode::M, .. });
    if !set_m || request.dry_run || !file.exists() {
        return Err(error.context(Failure::new(Exit::Unavailable, "nothing was done")));
    }
    let epoch = match (peer_epoch(config), request.force) {
        (Ok(epoch), _) => epoch,
        (Err(_), true) => 1,
        (Err(error), false) => {
            let text = format!(
                "{} is damaged, and with it is lost which node was promoted last; bring the peer into service first, \
                 or --force, if this node's data is to count for less than the peer's",
                file.display()
            );
            return Err(error.context(Failure::new(Exit::Refused, text)));
        }
    };
    let aside = file.with_extension(format!("toml.damaged-{}", ap_host::boottime().as_secs()));
    let why = format!("{} was damaged", file.display());
    let state = State {
        mode: Mode::M,
        role: Role::Standby,
        epoch,
        intention: Some(Intention::Leave { why: why.clone() }),
        since: ap_host::wall_clock(),
        who: request.who.clone(),
        why,
        ..State::fresh()
    };
    std::fs::copy(&file, &aside)
        .map(drop)
        .and_then(|()| store.save(&state).map_err(std::io::Error::other))
        .with_context(|| Failure::new(Exit::CannotWrite, format!("failed to write {} anew", file.display())))?;
    progress(&format!("{} was damaged: kept as {}, written anew", file.display(), aside.display()));
    Ok(())
}

/// The epoch of a peer that serves: then this node is none that was promoted later.
fn peer_epoch(config: &Config) -> Result<u64> {
    let (own, peer) = host::locate(config, None)?;
    let answer = ap_net::Kernel.ask(&Question {
        from: own.address,
        to: std::net::SocketAddrV4::new(peer.address, config.pair.port),
        codename: &config.codename,
        deadline: config.pair.ask_timeout.get(),
    })?;
    anyhow::ensure!(answer.serves(), "{} does not serve (mode {}, role {})", answer.host, answer.mode, answer.role);
    Ok(answer.epoch)
}
