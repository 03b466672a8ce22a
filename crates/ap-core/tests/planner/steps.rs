//! What each step does to the world, and what no step may ever do.

use ap_core::mode::{Mode, Role, Service, Vrrp};
use ap_core::plan::Cause;
use ap_core::state::Intention;
use ap_core::step::Step;

use crate::execute::End;
use crate::world::{LEASE, World, index};

impl World {
    /// Only what asks others can fail here; writing a small file does not.
    fn fails_now(&mut self, step: &Step) -> bool {
        let file = matches!(
            step,
            Step::Intend(_)
                | Step::Become { .. }
                | Step::RecordFenced
                | Step::Finish
                | Step::Fault(..)
                | Step::Started(_)
                | Step::UnitFiles(_)
                | Step::Alert(_)
        );
        match &mut self.fail_at {
            _ if file => false,
            Some(0) => {
                self.fail_at = None;
                true
            }
            Some(left) => {
                *left -= 1;
                false
            }
            None => false,
        }
    }

    pub fn step(&mut self, step: &Step) -> Result<(), End> {
        if self.fails_now(step) {
            self.fence_failed |= *step == Step::FenceDatabase;
            return Err(End::Failed);
        }
        let need = |it: bool| if it { Ok(()) } else { Err(End::Failed) };
        let database = self.up(Service::Database);
        match step {
            Step::Intend(intention) => {
                if matches!(self.state.intention, Some(Intention::Leave { .. })) {
                    assert!(matches!(intention, Intention::Leave { .. }), "a leaving was replaced by {intention}");
                }
                self.state.intention = Some(intention.clone());
                self.same_boot = true;
            }
            Step::Become { mode, role, epoch, solo } => self.becomes(*mode, *role, *epoch, *solo),
            Step::RecordFenced => {
                assert!(!self.writable() || self.fence_failed, "the word of a node that may still acknowledge");
                if self.state.solo {
                    self.state.granted = None;
                }
                self.state.fenced = self.state.granted.is_some();
            }
            Step::Finish => {
                if matches!(self.state.intention, Some(Intention::Leave { .. })) {
                    assert_eq!(self.state.mode, Mode::M, "a leaving ended before m");
                }
                self.state.intention = None;
            }
            Step::Fault(fault, on) => self.set_fault(*fault, *on),
            Step::Started(on) => self.started = *on,
            Step::FenceDatabase => {
                self.fence_failed = false;
                self.run(Service::Database, false, false);
            }
            Step::Start(service) => {
                need(self.files[1 + index(*service)] != "masked" && (*service != Service::Api || database))?;
                self.run(*service, true, true);
            }
            Step::StartTruncating => {
                need(self.peer.is_some() && self.files[1] != "masked")?;
                self.run(Service::Database, true, true);
            }
            Step::Stop(service) => self.run(*service, false, true),
            Step::UnitFiles(mode) => self.unit_files(*mode),
            Step::RemoveVip => self.vip = false,
            Step::RestoreVip => {
                assert!(
                    self.word == Some(Vrrp::Master) && self.up(Service::Keepalived),
                    "the VIP of a dead keepalived"
                );
                self.vip = true;
            }
            Step::Alert(_) | Step::FencePeer => {}
            Step::Reseed => {
                need(self.peer_serves() && self.files[1] != "masked")?;
                self.run(Service::Database, true, true);
                self.replica = false;
            }
            Step::AwaitPeerServes => {
                if self.ambitious && self.standby_is_well() && self.state.fenced {
                    self.peer_takes_over();
                }
                need(self.peer.as_ref().is_some_and(|peer| peer.mode == Mode::S && peer.writable == Some(true)))?;
            }
            Step::GoSolo => {
                need(self.gateway || self.peer.is_some())?;
                if !self.state.solo {
                    need(!self.state.fenced)?;
                    (self.state.solo, self.state.granted, self.semi_sync) = (true, None, false);
                }
            }
            Step::AwaitProtection => {
                need(self.vip && database && !self.read_only && self.standby_is_well() && !self.state.fenced)?;
                self.session(true);
            }
            Step::AwaitStandby => need(self.standby_is_well())?,
            Step::AwaitLease => {
                // The promoted peer pairs again with whoever says that it was meant so.
                if self.ambitious
                    && self.state.switching_over()
                    && let Some(peer) = self.peer.as_mut().filter(|peer| peer.mode == Mode::S)
                {
                    peer.mode = Mode::Ap;
                    self.lease = LEASE;
                }
                need(self.lease > 0)?;
            }
            Step::CompareHistories => need(self.peer.is_some())?,
            Step::AwaitReplication => need(self.peer_serves() && self.io && self.sql)?,
            Step::Confirm => {
                let old = self.peer.as_ref().is_some_and(|peer| peer.epoch > self.state.epoch || peer.solo);
                need(!old)?;
            }
            sql => {
                need(database)?;
                self.sql(sql)?;
            }
        }
        Ok(())
    }

    /// The mode table.
    pub fn unit_files(&mut self, mode: Mode) {
        self.files = match mode {
            Mode::M => ["masked"; 4],
            Mode::Ap => ["disabled"; 4],
            Mode::S => ["enabled", "disabled", "disabled", "disabled"],
        }
    }

    fn sql(&mut self, step: &Step) -> Result<(), End> {
        match step {
            Step::StopReceiving => self.io = false,
            Step::Drain => {
                if !self.sql || !matches!(self.fifo.back(), None | Some(Cause::Vrrp(Vrrp::Master))) {
                    return Err(End::Failed);
                }
                self.drained = true;
            }
            Step::EndReplication => {
                let alone = self.state.mode == Mode::M || self.forced;
                assert!(!self.sql || self.drained || alone, "G2: a relay log was thrown away");
                (self.replica, self.io, self.sql, self.drained) = (false, false, false, true);
            }
            Step::BeginHistory => {}
            Step::SemiSync(on) => self.semi_sync = *on,
            Step::ReadOnly => self.read_only = true,
            Step::Writable => {
                assert!(self.started && self.state.serves() && !self.state.fenced, "writable without the right");
                assert_eq!(self.word, Some(Vrrp::Master), "writable without being MASTER");
                let pair = self.state.mode == Mode::Ap && !self.state.solo;
                assert_eq!(self.semi_sync, pair, "G1: acknowledges alone by accident, or stalls alone");
                self.read_only = false;
            }
            Step::Follow => (self.replica, self.io, self.sql, self.drained) = (true, true, true, false),
            Step::ResumeReplication => {
                let lost = !self.io && !self.sql && !self.drained && !self.peer_serves();
                assert!(!lost, "G2: started from both stopped, with nobody to send it again");
                (self.io, self.sql, self.drained) = (true, true, false);
            }
            other => unreachable!("not simulated: {other:?}"),
        }
        Ok(())
    }

    fn becomes(&mut self, mode: Mode, role: Role, epoch: u64, solo: bool) {
        let s = &mut self.state;
        assert!(epoch >= s.epoch, "the epoch went from {} to {epoch}", s.epoch);
        let serves = mode != Mode::M && role == Role::Active;
        assert!(!serves || s.serves() || epoch > s.epoch, "serves again under its old epoch {epoch}");
        let takes_back = mode == Mode::Ap && role == Role::Active && s.mode == Mode::Ap && s.fenced;
        assert!(!takes_back, "a word given was taken back");
        if matches!(s.intention, Some(Intention::Leave { .. })) {
            assert_eq!(mode, Mode::M, "a leaving became {mode}");
        }
        (s.mode, s.role, s.epoch, s.solo) = (mode, role, epoch, solo);
        s.who = "somebody".into();
        if mode != Mode::M {
            (s.fenced, s.granted) = (false, None);
        }
    }
}
