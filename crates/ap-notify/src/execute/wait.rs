//! Waits for the peer and for protection: for states, with deadlines.

use std::io;
use std::time::{Duration, Instant};

use anyhow::Result;
use ap_core::mode::Mode;

use super::refused;
use crate::node::Node;

/// MariaDB tries again each second to connect to a server that was restarted.
const STANDBY: Duration = Duration::from_secs(10);
/// Priority 0, takeover, promotion.
const TAKEOVER: Duration = Duration::from_secs(15);
/// Connecting to the peer and receiving from it.
const REPLICATION: Duration = Duration::from_secs(30);
/// A standby that is close opens a session within a few questions.
const PROTECTION: Duration = Duration::from_secs(60);
/// Pause between two looks.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

impl Node {
    /// Looks again and again until it is so.
    ///
    /// # Errors
    /// `look` fails, or it is not so at the deadline (`TimedOut`).
    pub fn wait_until(
        &mut self,
        deadline: Duration,
        what: &str,
        mut look: impl FnMut(&mut Self) -> Result<bool>,
    ) -> Result<()> {
        let until = Instant::now() + deadline;
        while !look(self)? {
            if Instant::now() >= until {
                return Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    format!("{} s passed before {what}", deadline.as_secs()),
                )
                .into());
            }
            crate::serve::alive();
            std::thread::sleep(LOOK_AGAIN);
        }
        Ok(())
    }

    /// The standby replicates from here.
    pub fn await_standby(&mut self) -> Result<()> {
        let replicates = |node: &mut Self| {
            node.look_at_peer(false);
            Ok(node.shared.facts().heard.answer.as_ref().is_ok_and(|peer| peer.replicating))
        };
        self.wait_until(STANDBY, "the standby replicated", replicates).map_err(|error| {
            refused(format!("no standby to pair with: {error}"), "`ap-mode status` says why; then try again")
        })
    }

    /// The peer has taken over.
    pub fn await_peer_serves(&mut self) -> Result<()> {
        self.wait_until(TAKEOVER, "the peer served", |node| {
            node.look_at_peer(false);
            Ok(node
                .shared
                .facts()
                .heard
                .answer
                .as_ref()
                .is_ok_and(|peer| peer.mode == Mode::S && peer.writable == Some(true)))
        })
    }

    /// Replication receives. What it says when it cannot is a refusal: purged
    /// positions and forks show here.
    pub fn await_replication(&mut self) -> Result<()> {
        self.wait_until(REPLICATION, "replication received from the peer", |node| {
            let status = node.status()?;
            let Some(replica) = status.replica else { return Ok(false) };
            let fatal = |error: &str| error.starts_with("1236") || error.contains("1236");
            if fatal(&replica.io_error) || !replica.sql_error.is_empty() {
                return Err(refused(
                    format!("the histories do not fit: {} {}", replica.io_error, replica.sql_error),
                    "`ap-mode set ap --reseed` replaces this node's data by the peer's",
                ));
            }
            // Connected is not yet understood: the refusal comes a moment later.
            Ok(replica.receives() && replica.sql && !replica.master_log.is_empty())
        })
    }

    /// A session is whole, and the standby says that it may take over: from here on
    /// either machine may die.
    pub fn await_protection(&mut self) -> Result<()> {
        self.wait_until(PROTECTION, "a session was whole", |node| {
            node.protect();
            let Some(active) = node.active.as_ref().filter(|active| active.protected()) else { return Ok(false) };
            let heard = &node.shared.facts().heard;
            Ok(heard.asked > active.why().1 && heard.answer.as_ref().is_ok_and(|peer| peer.protected))
        })
    }

    /// This standby may take over: its active has opened a session.
    pub fn await_lease(&mut self) -> Result<()> {
        self.wait_until(PROTECTION, "this node was granted a lease", |node| {
            let facts = node.shared.facts();
            Ok(facts.standby.lease(ap_host::boottime(), &facts.relay).is_ok())
        })
    }
}
