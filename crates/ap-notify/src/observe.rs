//! The snapshot the planner sees.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use ap_core::answer::Answer;
use ap_core::mode::{Fault, Mode, Role, Vrrp};
use ap_core::observed::{Gateway, Observed, UnitState, Units};
use ap_core::plan::Cause;

use crate::node::Node;
use crate::serve::inbox::Inbox;
use crate::serve::watch::{PROBE_DEADLINE, question};

/// After a refused promotion the node stays in FAULT for this long at least, so
/// that it does not steal the VIP again and again.
const REFUSED: Duration = Duration::from_secs(5);
/// As long as the active answers and holds the VIP, for this long.
const BLOCKED: Duration = Duration::from_secs(60);
/// Both gateway and peer silent for longer than this is being cut off.
const CUT_OFF: Duration = Duration::from_secs(2);
/// A peer on the same segment answers within a millisecond; one that takes
/// longer than this when promotion waits is silent, and the lease decides.
const PROMOTE_ASK: Duration = Duration::from_millis(100);
/// A fenced active gives the VIP away a moment before it is fenced: asked again this long.
const HANDOVER: Duration = Duration::from_millis(1500);
/// Pause between two such questions.
const ASK_AGAIN: Duration = Duration::from_millis(5);
/// After systemd did not answer in passing, it is left alone for this long.
const DEAF: Duration = Duration::from_secs(3);
/// Longest run of `ap-track-api`, beyond keepalived's own limit for it.
const API_CHECK: Duration = Duration::from_secs(5);

impl Node {
    /// Looks at everything the planner may want to know for this cause.
    pub fn observe(&mut self, cause: &Cause) -> Observed {
        let state = self.state();
        let promoting = state.mode == Mode::Ap
            && state.role == Role::Standby
            && (*cause == Cause::Vrrp(Vrrp::Master)
                || (*cause == Cause::Look && self.is_master())
                || matches!(state.intention, Some(ap_core::state::Intention::Promote { .. })));
        let asked = matches!(cause, Cause::Request(_));
        if promoting || asked {
            self.look_at_peer(promoting);
        }
        // Leaving waits for nothing: not for a database or an API that hangs, nor
        // for systemd (F17). `Look` waits by itself until the database was seen
        // after the last step.
        let lost = matches!(cause, Cause::Vrrp(Vrrp::Fault | Vrrp::Stop) | Cause::Gone(_));
        let leaving = lost && !state.alone();
        if promoting || asked || (!leaving && !self.seen_since_acting()) {
            self.look_at_db();
        }
        if promoting && self.shared.facts().heard.answer.is_err() {
            // The regular probe may be from before the cut that made the peer silent.
            self.look_at_gateway();
        }
        // Nor does a promotion: what it needs is MariaDB and the own disk.
        let units = if leaving || promoting && self.store.started() {
            Err("not asked".into())
        } else if asked {
            self.units.node(&self.config).map_err(|error| format!("{error:#}"))
        } else {
            self.glance_at_units()
        };
        let vrrp = self.inbox.as_ref().map_or_else(|| self.store.vrrp(), Inbox::word);
        let faults = self.store.faults();
        let api = match faults.contains(&Fault::Api) {
            true if leaving => Err("not asked".into()),
            true => self.check_api().map_err(|error| format!("{error:#}")),
            false => Ok(()),
        };
        let vip = self.net.own_addresses().is_ok_and(|addresses| addresses.contains(&self.config.vip));
        // Nor is anything started again then, at whatever look.
        let all_run = units
            .as_ref()
            .is_ok_and(|units| [&units.database, &units.api, &units.keepalived].into_iter().all(UnitState::is_active));
        let shutting_down = units.is_ok() && (lost || asked || !all_run) && self.units.shutting_down().unwrap_or(false);
        let (now, db, peer, gateway, lease, relay) = {
            let mut facts = self.shared.facts();
            // After the looks, which take their time, and behind the lock.
            let now = ap_host::boottime();
            let relay = facts.relay.clone();
            // Looked at and claimed in one: no promise can be given in between.
            let lease = if promoting { facts.standby.begin(now, &relay) } else { facts.standby.lease(now, &relay) };
            (now, facts.db.clone(), facts.heard.answer.clone(), facts.gateway, lease, relay)
        };
        let cut_off = gateway == Gateway::Silent && peer.as_ref().map_or(true, |peer| peer.gateway == Gateway::Answers);
        self.cut_off = if cut_off { self.cut_off.or(Some(now)) } else { None };
        let peer_holds = peer.as_ref().is_ok_and(Answer::holds_on);
        let within =
            |since: Option<Duration>, long: Duration| since.is_some_and(|since| now.saturating_sub(since) < long);
        Observed {
            vrrp,
            vip,
            units,
            db,
            api,
            gateway,
            shutting_down,
            lease,
            relay,
            started: self.store.started(),
            refused_lately: within(self.refused, REFUSED),
            vrrp_blocked: within(self.blocked, BLOCKED) && peer_holds,
            cut_off: self.cut_off.is_some_and(|since| now.saturating_sub(since) >= CUT_OFF),
            faults,
            peer,
            state,
        }
    }

    /// The units, unless systemd did not answer a moment ago: whoever waits for it
    /// again and again has no time left for keepalived.
    fn glance_at_units(&mut self) -> Result<Units, String> {
        let now = ap_host::boottime();
        if self.deaf.is_some_and(|since| now.saturating_sub(since) < DEAF) {
            return Err("systemd did not answer a moment ago".into());
        }
        let units = self.glance.node(&self.config).map_err(|error| format!("{error:#}"));
        self.deaf = units.is_err().then(ap_host::boottime);
        if let Err(error) = &units {
            log::warn!("{error}");
        }
        units
    }

    /// The peer, now. Before a promotion it is asked again while it is still
    /// active and has or had the VIP a moment ago: priority 0 is sent before the VIP
    /// is gone, and the VIP is gone before ap-notify over there hears why.
    pub fn look_at_peer(&mut self, promoting: bool) {
        let begun = Instant::now();
        let deadline = if promoting { PROMOTE_ASK } else { self.config.pair.ask_timeout.get() };
        loop {
            let asked = ap_host::boottime();
            let answer = self
                .net
                .ask(&question(&self.config, &self.own, &self.peer, deadline))
                .map_err(|error| format!("{error:#}"));
            let settled = {
                let mut facts = self.shared.facts();
                let relay = facts.relay.clone();
                facts.standby.word(answer.as_ref().ok(), &relay);
                let leased = facts.standby.lease(asked, &facts.relay).is_ok();
                let settled = match &answer {
                    // With a lease nothing but where the VIP went is worth waiting for.
                    Ok(answer) => answer.fenced || !answer.serves() || answer.solo || (leased && !answer.in_between()),
                    Err(_) => true,
                };
                facts.heard = crate::shared::Heard { asked, answer };
                settled
            };
            if settled || !promoting || begun.elapsed() >= HANDOVER {
                return;
            }
            if self.moved_on(asked) {
                return;
            }
            std::thread::sleep(ASK_AGAIN);
        }
    }

    /// Whether what is known of the database is newer than the last step: a plan
    /// made from what was before would undo what was just done.
    pub fn seen_since_acting(&self) -> bool {
        self.shared.facts().db_seen >= self.acted
    }

    /// The gateway, now.
    pub fn look_at_gateway(&mut self) -> Gateway {
        let seen = self.net.gateway(&self.config.pair.witness, self.own.address, PROBE_DEADLINE);
        self.shared.facts().see_gateway(seen)
    }

    /// The database, now: a relay log that was lost since the last look must not
    /// be promoted on.
    pub fn look_at_db(&mut self) {
        let seen = ap_host::boottime();
        let status = self.db.status().map_err(|error| format!("{error:#}"));
        let mut facts = self.shared.facts();
        let thread = |status: &Result<ap_core::observed::DbStatus, String>| {
            status.as_ref().map_or(0, |status| status.sql_thread)
        };
        if thread(&status) != thread(&facts.db) || status.is_err() {
            facts.relay.clear();
        }
        facts.see_db(seen, status);
    }

    /// Runs the API's own check once.
    ///
    /// # Errors
    /// It is not healthy, or the check does not end in time.
    pub fn check_api(&self) -> Result<()> {
        let program = self.config.paths.programs.join("ap-track-api");
        let mut child = Command::new(&program)
            .arg("--config")
            .arg(&self.config_path)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let until = Instant::now() + API_CHECK;
        loop {
            if let Some(status) = child.try_wait()? {
                if status.success() {
                    return Ok(());
                }
                bail!("{}: {status}", program.display());
            }
            if Instant::now() >= until {
                let _ = child.kill();
                let _ = child.wait();
                bail!("{} did not end", program.display());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}
