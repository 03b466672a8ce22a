//! The role, handed over or taken back.

use std::time::Duration;

use anyhow::{Result, bail};
use ap_core::mode::Vrrp;
use ap_core::plan::switchover::may_take_back;
use ap_core::protection::Active;

use crate::node::Node;
use crate::shared::timing;

/// Priority 0, takeover, promotion.
const TAKEOVER: Duration = Duration::from_secs(15);
/// A standby that answers and has not begun to promote by then will not: VRRP
/// takes milliseconds to tell it.
const IDLE: Duration = Duration::from_secs(3);
/// A session opens a second after the peer became writable, or a few questions later.
const LEASE: Duration = Duration::from_secs(60);
/// keepalived sees a track file within milliseconds.
const KEEPALIVED: Duration = Duration::from_secs(5);
/// Beyond a lease and a gap, for the answer that proves it.
const MARGIN: Duration = Duration::from_secs(5);

impl Node {
    /// The peer has taken over.
    pub fn await_peer_serves(&mut self) -> Result<()> {
        let own = self.state();
        let begun = ap_host::boottime();
        self.wait_until(TAKEOVER, "the peer served", |node| {
            node.look_at_peer(false);
            let facts = node.shared.facts();
            let Ok(peer) = &facts.heard.answer else { return Ok(false) };
            let waited = ap_host::boottime().saturating_sub(begun);
            if own.handing_over() && !peer.promoting && !peer.serves() && waited > IDLE {
                let word = peer.vrrp.map_or("nothing", Vrrp::as_str);
                bail!("{} does not take over (keepalived there says {word}): taking the role back", peer.host);
            }
            Ok(peer.serves() && peer.epoch > own.epoch && peer.writable == Some(true))
        })
    }

    /// This standby may take over.
    pub fn await_lease(&mut self) -> Result<()> {
        self.wait_until(LEASE, "this node was granted a lease", |node| {
            let facts = node.shared.facts();
            Ok(facts.standby.lease(ap_host::boottime(), &facts.relay).is_ok())
        })
    }

    /// Withdraws the word, and waits for the answer that proves that it began
    /// nothing. From then on this node is an active like one that has just started
    /// and may have granted a lease: it acknowledges nothing alone.
    pub fn take_back(&mut self) -> Result<()> {
        let mut state = self.state();
        state.granted = None;
        self.save(state)?;
        let (revoked, timing) = (ap_host::boottime(), timing(&self.config));
        self.wait_until(timing.lease + timing.gap + MARGIN, "the peer proved that it did not take over", |node| {
            node.look_at_peer(false);
            let facts = node.shared.facts();
            let heard = &facts.heard;
            Ok(heard
                .answer
                .as_ref()
                .is_ok_and(|peer| may_take_back(revoked, heard.asked, peer, facts.state.epoch, timing)))
        })?;
        let mut state = self.state();
        state.fenced = false;
        self.save(state)?;
        self.active = Some(Active::new(timing, ap_host::boottime(), false));
        Ok(())
    }

    /// keepalived is out of the FAULT that this node put it into; what it said
    /// before is over, too.
    pub fn await_keepalived(&mut self) -> Result<()> {
        self.wait_until(KEEPALIVED, "keepalived was out of FAULT", |node| {
            let now = ap_host::boottime();
            Ok(node.inbox.as_mut().is_none_or(|inbox| inbox.recovered(now)))
        })
    }
}
