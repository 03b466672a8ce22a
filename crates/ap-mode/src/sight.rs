//! What can be seen of this node and of its peer.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use ap_core::agent::{Agent, Input, Kept, Seen, Site};
use ap_core::answer::Answer;
use ap_core::config::{Config, Host};
use ap_core::exit::Exit;
use ap_core::observed::DbStatus;
use ap_core::state::State;
use ap_core::status::{Last, Sight};
use ap_db::{Credentials, Database, MariaDb};
use ap_host::store::Store;
use ap_net::{Net, Question};

use crate::failure::Failure;

/// Asks this node's ap-notify.
///
/// # Errors
/// It does not answer in time.
pub fn ask(config: &Config, own: &Host) -> Result<Answer> {
    question(config, own.address, own)
}

fn question(config: &Config, from: Ipv4Addr, whom: &Host) -> Result<Answer> {
    ap_net::Kernel.ask(&Question {
        from,
        to: SocketAddrV4::new(whom.address, config.pair.port),
        codename: &config.codename,
        deadline: config.pair.ask_timeout.get(),
    })
}

/// Both nodes, asked at the same time.
pub fn both(config: &Config, own: &Host, peer: &Host) -> (Sight, Sight) {
    std::thread::scope(|scope| {
        let other = scope.spawn(|| peer_sight(config, own, peer));
        let here = own_sight(config, own);
        let there = other.join().unwrap_or_else(|_| Sight {
            host: peer.name.clone(),
            here: false,
            now: Err("asking it broke off".into()),
            last: None,
        });
        (here, there)
    })
}

fn own_sight(config: &Config, own: &Host) -> Sight {
    let now = ask(config, own).map_err(|error| format!("{error:#}"));
    let last = match &now {
        Ok(_) => None,
        Err(_) => local(config, own).ok().map(|answer| Last { answer, at: ap_host::wall_clock(), age_ms: 0 }),
    };
    Sight { host: own.name.clone(), here: true, now, last }
}

fn peer_sight(config: &Config, own: &Host, peer: &Host) -> Sight {
    let now = question(config, own.address, peer).map_err(|error| format!("{error:#}"));
    let last = if now.is_ok() { None } else { Store::new(config).peer() }.map(|heard| {
        let boot_ms = u64::try_from(ap_host::boottime().as_millis()).unwrap_or(u64::MAX);
        Last { answer: heard.answer, at: heard.at, age_ms: boot_ms.saturating_sub(heard.boot_ms) }
    });
    Sight { host: peer.name.clone(), here: false, now, last }
}

/// What can be seen without ap-notify: `state.toml`, what is kept under the run
/// directory, the database, the VIP.
///
/// # Errors
/// [`Exit::Unavailable`]: not even the state can be read.
pub fn local(config: &Config, own: &Host) -> Result<Answer> {
    let file = config.state_file();
    let text = std::fs::read_to_string(&file)
        .with_context(|| Failure::new(Exit::Unavailable, format!("failed to read {}", file.display())))?;
    let state = State::from_toml(&text)
        .with_context(|| Failure::new(Exit::Unavailable, format!("{} cannot be used", file.display())))?;
    let store = Store::new(config);
    let peer = config.host.iter().find(|host| host.name != own.name).unwrap_or(own);
    let site = Site {
        config: config.clone(),
        own: own.clone(),
        peer: peer.clone(),
        replication_user: String::new(),
        replication_password: String::new(),
    };
    let now = ap_host::boottime();
    let kept = Kept {
        state,
        same_boot: store.same_boot(),
        vrrp: store.vrrp(),
        started: store.started(),
        lease: store.lease(),
        event: None,
    };
    // An agent whose effects are dropped: it is told what there is to see, and only asked
    // for its answer.
    let mut agent = Agent::new(Arc::new(site), kept, now);
    let status = status(config).map(Box::new).map_err(|error| format!("{error:#}"));
    let vip = ap_net::Kernel.own_addresses().is_ok_and(|own| own.contains(&config.vip));
    for what in [
        Seen::Database { status, process: None },
        Seen::Vip(vip),
        Seen::Faults(store.faults()),
        Seen::Checks(store.checks()),
    ] {
        agent.on(now, Input::Seen { at: now, what });
    }
    let protection = "unknown without ap-notify".into();
    Ok(Answer { protected: false, protection, ..agent.answer(now) })
}

fn status(config: &Config) -> Result<DbStatus> {
    let credentials = Credentials::read(&config.database.credentials)?;
    MariaDb::new(&config.database.socket, &credentials, config.database.timeout.get()).status()
}
