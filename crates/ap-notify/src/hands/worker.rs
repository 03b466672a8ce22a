//! One thread's way of carrying out effects. Each act, look and question is
//! answered exactly once.

use std::net::SocketAddrV4;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use ap_core::agent::{Act, Effect, Failure, FileChange, Input, Look, Seen, Site, Ticket};
use ap_core::exit::Exit;
use ap_core::gtid::GtidPos;
use ap_core::state::State;
use ap_db::Database;
use ap_net::Question;

use super::history::History;
use super::result::{failure, unseen};
use crate::adapters::Adapters;
use crate::hook::remove_vip;
use ap_host::wall_clock as now;

/// Longest answer of a gateway.
const PROBE: Duration = Duration::from_millis(300);

/// Carries out effects, one after the other.
pub struct Worker {
    site: Arc<Site>,
    adapters: Adapters,
    inputs: Sender<Input>,
    /// This thread's own connection, once it has needed one.
    database: Option<Box<dyn Database>>,
    history: History,
}

impl Worker {
    /// Results go to `inputs`.
    pub fn new(site: Arc<Site>, adapters: Adapters, inputs: Sender<Input>) -> Self {
        Self { site, adapters, inputs, database: None, history: History::default() }
    }

    /// The same for another thread.
    pub fn another(&self) -> Self {
        Self::new(self.site.clone(), self.adapters.clone(), self.inputs.clone())
    }

    /// What this worker uses.
    pub fn adapters(&self) -> &Adapters {
        &self.adapters
    }

    /// Carries out an effect on a thread of its own.
    pub fn alone(&self, effect: Effect) {
        let (mut worker, own) = (self.another(), effect.clone());
        if let Err(error) = thread::Builder::new().name("alone".into()).spawn(move || worker.carry_out(own)) {
            self.give_up(&effect, &format!("failed to start a thread: {error}"));
        }
    }

    /// Carries out an effect and tells what came of it.
    pub fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Act { ticket, act } => {
                let ended = self.act(ticket, act);
                self.tell(ended);
            }
            Effect::Look { at, what } => {
                let what = self.look(what);
                self.tell(Input::Seen { at, what });
            }
            Effect::Ask { asked, deadline } => {
                let answer = self.ask(deadline);
                self.tell(Input::Heard { asked, answer });
            }
            Effect::KeepLease(lease) => {
                let kept = self.adapters.files.keep_lease(lease.as_ref()).map_err(|error| format!("{error:#}"));
                self.tell(Input::LeaseKept(kept.map(|()| lease)));
            }
            Effect::KeepPeer(answer) => warn(self.adapters.files.keep_peer(&answer)),
            Effect::SaveRelayLogs(position) => {
                if let Err(error) = self.save_relay_logs(&position) {
                    log::error!("relay logs that could not be applied are not saved: {error:#}");
                }
            }
            Effect::Record(event) => {
                let brief = self.history.record(self.adapters.files.as_ref(), &event);
                brief.into_iter().for_each(|brief| self.tell(Input::Recorded(brief)));
            }
            Effect::Reply { id, reply } => {
                if let Err(error) = self.adapters.files.reply(&id, &reply) {
                    log::debug!("{error:#}");
                }
            }
            Effect::Alert { kind, text } => self.alert(kind, &text),
            Effect::Log(text) => log::info!("{text}"),
            Effect::Warn(text) => log::warn!("{text}"),
            // Done in passing.
            Effect::Publish(_) | Effect::Begin(_) | Effect::KeepVrrp(_) => {}
        }
    }

    /// Tells of an effect that cannot be carried out at all.
    pub fn give_up(&self, effect: &Effect, why: &str) {
        match effect {
            Effect::Act { ticket, .. } => {
                let result = Err(Failure::new(Exit::Unavailable, why));
                self.tell(Input::Ended { ticket: *ticket, result });
            }
            Effect::Ask { asked, .. } => self.tell(Input::Heard { asked: *asked, answer: Err(why.into()) }),
            Effect::Look { at, what } => self.tell(Input::Seen { at: *at, what: unseen(*what, why) }),
            Effect::KeepLease(_) => self.tell(Input::LeaseKept(Err(why.into()))),
            _ => log::error!("{why}"),
        }
    }

    fn tell(&self, input: Input) {
        // Nobody hears any more when the program, or a test, ends.
        let _ = self.inputs.send(input);
    }

    /// Carries out an act; its end.
    pub fn act(&mut self, ticket: Ticket, act: Act) -> Input {
        let result = self.try_act(act).map_err(|error| failure(&error));
        Input::Ended { ticket, result }
    }

    fn try_act(&mut self, act: Act) -> Result<String> {
        let Adapters { units, net, files, programs, data, .. } = &self.adapters;
        let config = &self.site.config;
        match act {
            Act::Save(state) => return self.save(*state),
            Act::Fault(fault, on) => files.set_fault(fault, on)?,
            Act::Started(on) => files.keep_started(on)?,
            Act::Sql { statements, limit } => self.database().run(&statements, limit)?,
            Act::WaitApplied { position, slice } => {
                let applied = self.database().wait_pos(&position, slice)?;
                return Ok(if applied { "applied" } else { "" }.into());
            }
            Act::Kill { service, limit } => {
                units.fence(config.unit(service), limit).with_context(|| format!("failed to fence the {service}"))?;
            }
            Act::Start { service, limit } => units.bring_up(config.unit(service), limit)?,
            Act::Stop { service, limit } => units.stop(config.unit(service), limit)?,
            Act::UnitFiles(changes) => self.unit_files(&changes)?,
            Act::TruncateAtStart(on) => return data.truncate_at_start(on),
            Act::Vip(true) => net.add_address(&self.site.own.nic, config.vip)?,
            Act::Vip(false) => remove_vip(net.as_ref(), config.vip)?,
            Act::Unreachable(true) => net.block(self.site.peer.address)?,
            Act::Unreachable(false) => net.unblock(self.site.peer.address)?,
            Act::Fence(command) => programs.fence(&command)?,
            Act::DataMark => return Ok(data.mark().as_str().into()),
            Act::SaveTail(tail) => return data.save_tail(&tail),
            Act::SaveRelayLogs(position) => self.save_relay_logs(&position)?,
            Act::Reseed => data.reseed(&|text| {
                log::info!("{text}");
                self.tell(Input::Progress(text));
            })?,
        }
        Ok(String::new())
    }

    fn save(&self, mut state: State) -> Result<String> {
        if state.since.is_empty() {
            state.since = now();
        }
        self.adapters.files.save(&state)?;
        Ok(state.since)
    }

    fn unit_files(&self, changes: &[(FileChange, Vec<String>)]) -> Result<()> {
        let names: Vec<(FileChange, Vec<&str>)> =
            changes.iter().map(|(change, units)| (*change, units.iter().map(String::as_str).collect())).collect();
        let changes: Vec<(FileChange, &[&str])> =
            names.iter().map(|(change, units)| (*change, units.as_slice())).collect();
        self.adapters.units.unit_files(&changes).context("failed to set the unit files")
    }

    fn save_relay_logs(&self, position: &GtidPos) -> Result<()> {
        if let Some(directory) = self.adapters.data.save_relay_logs(position)? {
            let text = format!("relay logs that could not be applied are kept in {}", directory.display());
            self.alone(Effect::Alert { kind: "relay-logs", text });
        }
        Ok(())
    }

    fn look(&mut self, what: Look) -> Seen {
        let Adapters { units, glance, net, files, programs, .. } = &self.adapters;
        let config = &self.site.config;
        match what {
            Look::Database => {
                let status = self.database().status().map_err(|error| format!("{error:#}"));
                let process = status.as_ref().ok().and_then(|status| self.adapters.files.process(&status.pid_file));
                Seen::Database { status: status.map(Box::new), process }
            }
            Look::Gateway => Seen::Gateway(net.gateway(&config.pair.witness, self.site.own.address, PROBE)),
            Look::Units { patient } => {
                let systemd = if patient { units } else { glance };
                let units = systemd.node(config).map(Box::new).map_err(|error| format!("{error:#}"));
                let shutting_down = units.is_ok() && systemd.shutting_down().unwrap_or(false);
                Seen::Units { units, shutting_down }
            }
            Look::Vip => Seen::Vip(net.own_addresses().is_ok_and(|addresses| addresses.contains(&config.vip))),
            Look::Faults => Seen::Faults(files.faults()),
            Look::Api => Seen::Api(programs.check_api().map_err(|error| format!("{error:#}"))),
            Look::Checks => Seen::Checks(files.checks()),
        }
    }

    fn ask(&self, deadline: Duration) -> Result<Box<ap_core::answer::Answer>, String> {
        let Site { config, own, peer, .. } = &*self.site;
        let to = SocketAddrV4::new(peer.address, config.pair.port);
        let question = Question { from: own.address, to, codename: &config.codename, deadline };
        self.adapters.net.ask(&question).map(Box::new).map_err(|error| format!("{error:#}"))
    }

    fn database(&mut self) -> &mut dyn Database {
        self.database.get_or_insert_with(|| (self.adapters.database)()).as_mut()
    }

    fn alert(&self, kind: &str, text: &str) {
        let message = serde_json::json!({"host": self.site.own.name, "at": now(), "kind": kind, "text": text});
        if let Err(error) = self.adapters.programs.alert(&message.to_string()) {
            log::warn!("alert command: {error:#}");
        }
    }
}

fn warn(result: Result<()>) {
    if let Err(error) = result {
        log::warn!("{error:#}");
    }
}
