//! What was seen when a plan was made, in a sentence for the history.

use crate::mode::{Mode, Role};
use crate::observed::{Gateway, Observed};

impl Observed {
    /// The snapshot, as an operator would want to read it a week later.
    pub fn evidence(&self) -> String {
        let s = &self.state;
        let mut words = vec![format!("mode {}, role {}, epoch {}", s.mode, s.role, s.epoch)];
        for (is, word) in [(s.solo, "solo"), (s.fenced, "fenced"), (!self.started, "not started")] {
            if is {
                words.push(word.into());
            }
        }
        words.push(format!("keepalived {}", self.vrrp.map_or("silent", |vrrp| vrrp.as_str())));
        words.push(if self.vip { "VIP here" } else { "no VIP" }.into());
        words.push(match &self.db {
            Ok(db) if db.read_only => "database read-only".into(),
            Ok(_) => "database writable".into(),
            Err(error) => format!("no database ({error})"),
        });
        if let Some(replica) = self.db.as_ref().ok().and_then(|db| db.replica.as_ref()) {
            words.push(format!("IO thread {}, SQL thread {}", replica.io, if replica.sql { "Yes" } else { "No" }));
        }
        if !self.faults.is_empty() {
            let faults: Vec<&str> = self.faults.iter().map(|fault| fault.as_str()).collect();
            words.push(format!("faults {}", faults.join(" ")));
        }
        if s.mode == Mode::Ap && s.role == Role::Standby {
            words.push(self.lease.as_ref().map_or_else(|why| format!("no lease ({why})"), |()| "a lease".into()));
        }
        words.push(match &self.peer {
            Ok(peer) => {
                let flags = [
                    (peer.solo, " solo"),
                    (peer.fenced, " fenced"),
                    (peer.promoting, " promoting"),
                    (peer.vip, " VIP"),
                ];
                let flags: String = flags.iter().filter_map(|(is, word)| is.then_some(*word)).collect();
                format!("{}: {} {} epoch {}{flags}", peer.host, peer.mode, peer.role, peer.epoch)
            }
            Err(silence) => format!("peer silent ({silence})"),
        });
        words.push(match self.gateway {
            Gateway::Answers => "gateway answers".into(),
            Gateway::Silent => "gateway silent".into(),
            Gateway::None => "no gateway".to_owned(),
        });
        words.join(", ")
    }
}
