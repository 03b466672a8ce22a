//! The service: one loop around the agent, and the threads that feed it.

mod addresses;
mod answer;
mod fifo;

use std::collections::VecDeque;
use std::fs::File;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use ap_core::agent::{Agent, Input, Kept, Site};
use ap_core::config::Config;
use ap_core::mode::Fault;
use ap_core::state::State;
use ap_db::Credentials;
use ap_net::{Kernel, Net};
use ap_systemd::notify::{self, READY, WATCHDOG};

use crate::adapters::{Adapters, Files, RealFiles};
use crate::hands::{Hands, Published};

/// Longest time without a look at the clock.
const LONGEST: Duration = Duration::from_millis(100);
/// Shortest wait when the agent is due again at once.
const SHORTEST: Duration = Duration::from_millis(1);
/// This many inputs are taken before the agent gets a tick that is due.
const BATCH: usize = 1000;
/// How often systemd's watchdog is told that the loop runs.
const ALIVE: Duration = Duration::from_secs(1);
/// Pause before this program gives up its start, to be started again.
const RETRY: Duration = Duration::from_secs(2);

/// Runs for ever, as the configured node on this machine.
///
/// # Errors
/// This node cannot know what it is, or the sockets of systemd are missing.
pub fn run(path: &Path) -> Result<()> {
    let (site, kept, adapters) = open(path).inspect_err(|_| fail_closed(path))?;
    serve(site, kept, adapters)
}

fn serve(site: Arc<Site>, kept: Kept, adapters: Adapters) -> Result<()> {
    // Killed while it had made the peer unreachable: undone first of all.
    adapters.net.unblock(site.peer.address)?;
    let (inputs, receiver) = channel();
    addresses::watch(adapters.net.clone(), site.config.vip, inputs.clone())?;
    let State { mode, role, epoch, .. } = kept.state;
    let hands = Hands::start(site.clone(), adapters, inputs.clone())?;
    let agent = Agent::new(site.clone(), kept, ap_host::boottime());
    let mut service = Service { agent, hands, receiver, told: Duration::ZERO };
    // Before anybody can ask: what is answered is never empty.
    service.take_in(Input::Tick);
    let published = service.hands.published();
    for (name, fd) in ap_systemd::listen_fds()? {
        take_over(&site, &name, fd, &inputs, &published)?;
    }
    service.tell_systemd(READY);
    service.hands.log(format!("{}: mode {mode}, role {role}, epoch {epoch}", site.own.name));
    loop {
        service.turn();
    }
}

/// What is needed to be the configured node.
fn open(path: &Path) -> Result<(Arc<Site>, Kept, Adapters)> {
    let config = Arc::new(ap_host::load_config(path)?);
    let addresses = Kernel.own_addresses()?;
    let (own, peer) = ap_host::own::locate(&config, &addresses).ok_or_else(|| not_here(&config))?;
    if let Err(error) = ap_host::own::remember(&config, own) {
        // A full disk: with its address it is found again all the same.
        log::warn!("failed to write down that this is {}: {error}", own.name);
    }
    let credentials = Credentials::read(&config.database.credentials)?;
    let adapters = Adapters::real(path, &config, &credentials, own, peer);
    let kept = adapters.files.kept()?;
    let site = Site {
        config: Config::clone(&config),
        own: own.clone(),
        peer: peer.clone(),
        replication_user: credentials.replication_user,
        replication_password: credentials.replication_password,
    };
    Ok((Arc::new(site), kept, adapters))
}

fn not_here(config: &Config) -> anyhow::Error {
    let hosts: Vec<String> = config.host.iter().map(|host| format!("{} ({})", host.name, host.address)).collect();
    anyhow!(
        "this machine carries the address of neither or of both of {}: correct [[host]] in the configuration, or give it its address",
        hosts.join(" and ")
    )
}

/// A node that cannot know what it is gives the VIP away. systemd starts this
/// program again at once; there is no hurry to fail ten times a second.
fn fail_closed(path: &Path) {
    if let Ok(config) = ap_host::load_config(path)
        && let Err(error) = RealFiles::new(&config).set_fault(Fault::Role, true)
    {
        log::error!("{error:#}");
    }
    thread::sleep(RETRY);
}

/// A descriptor handed over by systemd.
fn take_over(site: &Site, name: &str, fd: OwnedFd, inputs: &Sender<Input>, published: &Published) -> Result<()> {
    match name {
        "fifo" => fifo::read(File::from(fd), site.config.codename.clone(), inputs.clone()),
        "peer" => {
            let listener = TcpListener::from(fd);
            listener.set_nonblocking(false).context("failed to set up the listener")?;
            answer::serve(listener, [site.own.address, site.peer.address], published.clone())
        }
        other => {
            log::warn!("systemd handed over a socket named '{other}', which nobody expects");
            Ok(())
        }
    }
}

/// The agent and its hands. Nothing here waits for anything but the next input.
struct Service {
    agent: Agent,
    hands: Hands,
    receiver: Receiver<Input>,
    /// When systemd's watchdog was told last (time since boot).
    told: Duration,
}

impl Service {
    /// Takes in what has come, or waits for it until the agent is due.
    fn turn(&mut self) {
        match self.receiver.recv_timeout(wait(ap_host::boottime(), self.agent.wake())) {
            Ok(input) => {
                self.take_in(input);
                for _ in 1..BATCH {
                    let Ok(input) = self.receiver.try_recv() else { break };
                    self.take_in(input);
                }
            }
            // The hands hold a sender for as long as this value lives.
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
        }
        let now = ap_host::boottime();
        if now >= self.agent.wake() {
            self.take_in(Input::Tick);
        }
        if now.saturating_sub(self.told) >= ALIVE {
            self.told = now;
            self.tell_systemd(WATCHDOG);
        }
    }

    /// One input, and what comes of it at once.
    fn take_in(&mut self, input: Input) {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            for effect in self.agent.on(ap_host::boottime(), input) {
                inputs.extend(self.hands.carry_out(effect));
            }
        }
    }

    fn tell_systemd(&self, state: &str) {
        if let Err(error) = notify::notify(state) {
            self.hands.warn(format!("{error:#}"));
        }
    }
}

/// How long to wait for the next input.
fn wait(now: Duration, wake: Duration) -> Duration {
    match wake.checked_sub(now) {
        Some(left) if !left.is_zero() => left.min(LONGEST),
        _ => SHORTEST,
    }
}

/// Starts a thread that ends with the process.
fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> Result<()> {
    thread::Builder::new()
        .name(name.into())
        .spawn(body)
        .with_context(|| format!("failed to start the {name} thread"))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tick_that_is_due_makes_no_busy_loop() {
        let ms = Duration::from_millis;
        let table = [(ms(0), SHORTEST), (ms(5000), SHORTEST), (ms(5007), ms(7)), (ms(9000), LONGEST)];
        for (wake, expected) in table {
            assert_eq!(wait(ms(5000), wake), expected, "{wake:?}");
        }
    }
}
