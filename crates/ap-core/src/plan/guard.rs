//! Who may become writable. Each refusal names the evidence and the way forward.

use super::{Plan, Refusal};
use crate::mode::{Fault, Mode, Role};
use crate::observed::{DbStatus, Gateway, Observed, Replica};
use crate::step::Step;

fn refuse(evidence: String, way: &str) -> Refusal {
    Refusal { evidence, way: way.to_owned(), steps: vec![Step::Fault(Fault::Role, true)] }
}

impl From<Refusal> for Plan {
    fn from(refusal: Refusal) -> Self {
        Self::Refuse(refusal)
    }
}

/// keepalived speaks of a node that nobody started.
pub fn not_started(mode: Mode) -> Refusal {
    refuse(
        format!("keepalived runs, but this node (mode {mode}) was not started"),
        "`ap-mode start`, which looks at the peer first and starts what belongs together",
    )
}

/// Whether this standby may promote itself (G2, G3).
///
/// # Errors
/// The refusal: what is missing, and what an operator can do.
pub fn promotion(o: &Observed) -> Result<(), Refusal> {
    let (_, replica) = replica(o)?;
    if !replica.sql {
        return Err(refuse(
            format!("the SQL thread does not run: {}", or(&replica.sql_error, "stopped")),
            "bring the active back; or `ap-mode set s --force` accepts the loss of what was not applied",
        ));
    }
    if let Ok(peer) = &o.peer {
        // It names this very relay log, so its epoch is the one followed here, even
        // if the look that writes that down has not come yet.
        if peer.fenced && peer.grant.as_deref() == Some(o.relay.as_str()) && !o.relay.is_empty() {
            return Ok(());
        }
        if peer.epoch > o.state.epoch {
            return Err(refuse(
                format!("{} has epoch {}, this node {}", peer.host, peer.epoch, o.state.epoch),
                "it was promoted after this node last followed it: bring it back, then `ap-mode set ap` here",
            ));
        }
        if peer.serves() && peer.solo {
            return Err(refuse(
                format!("{} acknowledges alone since this node was lost to it", peer.host),
                "wait until this node has caught up and `ap-mode show` says PROTECTED",
            ));
        }
        if peer.holds_on() {
            return Err(refuse(
                format!("{} is active and well, yet its VRRP adverts do not arrive here", peer.host),
                "let IP protocol 112 through between the two hosts; tried again each minute, and after `ap-mode restart`",
            ));
        }
    }
    if let Err(evidence) = &o.lease {
        return Err(refuse(
            format!("no lease: {evidence}"),
            "bring the active back; or `ap-mode set s --force` accepts the loss of what it acknowledged alone",
        ));
    }
    if o.cut_off || o.peer.is_err() && o.gateway == Gateway::Silent {
        return Err(refuse(
            "this node is cut off: its gateway does not answer, and only the peer could say that it is no better off"
                .into(),
            "mend the network; nothing else is needed",
        ));
    }
    Ok(())
}

/// The replica side, which only a standby has.
fn replica(o: &Observed) -> Result<(&DbStatus, &Replica), Refusal> {
    let db = o.db.as_ref().map_err(|error| {
        refuse(format!("the database does not answer: {error}"), "mend the database, then `ap-mode restart`")
    })?;
    let replica = db.replica.as_ref().ok_or_else(|| {
        refuse("replication is not configured".into(), "`ap-mode set ap` makes this node a standby of its peer")
    })?;
    Ok((db, replica))
}

/// Whether a node that does not serve may be made to, by an operator's word.
///
/// # Errors
/// The refusal, unless `force`.
pub fn serving(o: &Observed, force: bool) -> Result<(), Refusal> {
    if force {
        return Ok(());
    }
    let refusal = |evidence: String, way: &str| Err(Refusal { evidence, way: way.to_owned(), steps: Vec::new() });
    match &o.peer {
        Err(silence) => refusal(
            format!("the peer does not say what it is: {silence}"),
            "switch it on, its ap-notify answers in every mode; or --force, if you know that this node was the last to serve",
        ),
        Ok(peer) if peer.promoting => {
            refusal(format!("{} is promoting itself", peer.host), "wait, then look at `ap-mode show`")
        }
        Ok(peer) if peer.epoch > o.state.epoch => refusal(
            format!("{} has the higher epoch: {} against {} here", peer.host, peer.epoch, o.state.epoch),
            "its data is newer: `ap-mode set ap` makes this node its standby; --force gives up what it wrote since",
        ),
        Ok(peer) if peer.serves() && (peer.vip || peer.writable == Some(true)) => refusal(
            format!("{} serves (mode {}, role {})", peer.host, peer.mode, peer.role),
            "`ap-mode set m` on it first, or `ap-mode set ap` here",
        ),
        Ok(_) => Ok(()),
    }
}

/// Whether the data of a node in `m` may be made to serve by an operator's word.
/// As a standby it received; whether it received everything, nothing in `m` proves.
///
/// # Errors
/// The refusal, unless `force`.
pub fn resting_serving(o: &Observed, force: bool) -> Result<(), Refusal> {
    serving(o, force)?;
    let received = o.state.mode == Mode::M && o.state.role == Role::Standby && o.state.epoch > 0;
    if received && !force { Err(unproven()) } else { Ok(()) }
}

/// Whether a standby's data may be made to serve by an operator's word.
///
/// # Errors
/// The refusal, unless `force`.
pub fn standby_serving(o: &Observed, force: bool) -> Result<(), Refusal> {
    serving(o, force)?;
    if force || o.lease.is_ok() {
        return Ok(());
    }
    match &o.peer {
        Ok(peer) if peer.mode == Mode::M && peer.grant.as_deref() == Some(o.relay.as_str()) && !o.relay.is_empty() => {
            Ok(())
        }
        _ => Err(unproven()),
    }
}

fn unproven() -> Refusal {
    Refusal {
        evidence: "nothing proves that this standby has everything the active acknowledged".into(),
        way: "`ap-mode set s` on the host that was active; or --force, and what only it has is given up".into(),
        steps: Vec::new(),
    }
}

/// Whether the peer is something this node can follow.
///
/// # Errors
/// The refusal.
pub fn following(o: &Observed, reseed: bool) -> Result<(), Refusal> {
    let refusal = |evidence: String, way: &str| Err(Refusal { evidence, way: way.to_owned(), steps: Vec::new() });
    let peer = match &o.peer {
        Ok(peer) => peer,
        Err(silence) => {
            return refusal(
                format!("the peer does not say what it is: {silence}"),
                "bring the peer up first; on a fresh pair, `ap-mode set ap --role active` makes this node the first",
            );
        }
    };
    if !peer.serves() {
        return refusal(
            format!("{} does not serve (mode {}, role {})", peer.host, peer.mode, peer.role),
            "`ap-mode set s` on it (on a fresh pair `ap-mode set ap --role active`), then try again here",
        );
    }
    if peer.epoch < o.state.epoch {
        return refusal(
            format!("this node has the higher epoch: {} against {} on {}", o.state.epoch, peer.epoch, peer.host),
            "this node's data is newer: `ap-mode set s` here, after `ap-mode set m` there",
        );
    }
    if peer.writable.is_none() {
        return refusal(format!("the database of {} does not answer", peer.host), "mend it first");
    }
    if o.state.epoch == 0 && !reseed && peer.user_tables > 0 {
        return refusal(
            format!(
                "{} has {} tables, and nothing proves that they are in its binary logs",
                peer.host, peer.user_tables
            ),
            "`ap-mode set ap --reseed` copies them here",
        );
    }
    Ok(())
}

fn or<'a>(text: &'a str, otherwise: &'a str) -> &'a str {
    if text.is_empty() { otherwise } else { text }
}
