//! What waits to be dealt with. FAULT and STOP latch; of other VRRP states the
//! latest wins (F13); requests queue.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::message::{Message, Request};
use crate::mode::{Service, Vrrp};
use crate::plan::Cause;

/// What was said and not yet dealt with.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Inbox {
    grace: Duration,
    /// keepalived's latest state, not yet dealt with.
    waiting: Option<Vrrp>,
    /// A FAULT or STOP among the states not yet dealt with.
    lost: Option<Vrrp>,
    crashed: VecDeque<Service>,
    /// Cleanly stopped units and when that counts (time since boot).
    pub(super) stopped: BTreeMap<Service, Duration>,
    requests: VecDeque<Request>,
    /// keepalived's state at this moment, dealt with or not.
    vrrp: Option<Vrrp>,
}

/// What is next.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Next {
    /// What happened.
    pub cause: Cause,
    /// It was a while ago, and may be over: who started the unit again may not have
    /// been heard.
    pub doubtful: bool,
}

impl Inbox {
    /// An inbox that begins with what was remembered of keepalived.
    pub fn new(grace: Duration, vrrp: Option<Vrrp>) -> Self {
        Self {
            grace,
            waiting: None,
            lost: None,
            crashed: VecDeque::new(),
            stopped: BTreeMap::new(),
            requests: VecDeque::new(),
            vrrp,
        }
    }

    /// Takes in a line.
    pub fn absorb(&mut self, now: Duration, message: Message) {
        self.vrrp = message.vrrp().or(self.vrrp);
        match message {
            Message::Vrrp(vrrp) => {
                self.waiting = Some(vrrp);
                if matches!(vrrp, Vrrp::Fault | Vrrp::Stop) {
                    self.lost = Some(vrrp);
                }
            }
            Message::Stopped { service, clean } => {
                if clean && service != Service::Keepalived {
                    self.stopped.insert(service, now + self.grace);
                } else {
                    self.crashed.push_back(service);
                }
            }
            // It runs again: what ended it is over, unless it was dealt with meanwhile.
            Message::Started(service) => {
                self.stopped.remove(&service);
                self.crashed.retain(|crashed| *crashed != service);
            }
            Message::Request(request) => self.requests.push_back(request),
        }
    }

    /// The next thing to deal with, the most urgent first.
    pub fn next(&mut self, now: Duration) -> Option<Next> {
        let due = self.stopped.iter().find(|(_, at)| **at <= now).map(|(service, _)| *service);
        if !self.has_lost()
            && self.waiting.is_none()
            && let Some(service) = due
        {
            self.stopped.remove(&service);
            return Some(Next { cause: Cause::Gone(service), doubtful: true });
        }
        self.next_said().map(|cause| Next { cause, doubtful: false })
    }

    fn next_said(&mut self) -> Option<Cause> {
        if let Some(service) = self.crashed.pop_front() {
            return Some(Cause::Gone(service));
        }
        if let Some(lost) = self.lost.take() {
            if self.waiting == Some(lost) {
                self.waiting = None;
            }
            return Some(Cause::Vrrp(lost));
        }
        if let Some(vrrp) = self.waiting.take() {
            return Some(Cause::Vrrp(vrrp));
        }
        self.requests.pop_front().map(Cause::Request)
    }

    /// Whether something waits that must not wait behind the looks for this cause.
    pub fn is_more_urgent_than(&self, cause: &Cause, now: Duration) -> bool {
        let lost = !self.crashed.is_empty() || self.lost.is_some();
        match cause {
            Cause::Look => lost || self.waiting.is_some() || self.is_due(now) || !self.requests.is_empty(),
            Cause::Request(_) => lost || self.waiting.is_some() || self.is_due(now),
            Cause::Vrrp(Vrrp::Master | Vrrp::Backup) => lost || self.waiting.is_some(),
            // It may have to be asked first whether that is still so.
            Cause::Gone(_) => lost,
            Cause::Vrrp(Vrrp::Fault | Vrrp::Stop) => false,
        }
    }

    /// Something more urgent came before this was dealt with. A look comes again by
    /// itself, a state of keepalived that a later one has replaced is over, and a unit that
    /// is gone gives way only to a leaving, which stops it anyway.
    pub fn put_back(&mut self, cause: Cause) {
        match cause {
            Cause::Request(request) => self.requests.push_front(request),
            Cause::Vrrp(vrrp) => self.waiting = self.waiting.or(Some(vrrp)),
            Cause::Gone(_) | Cause::Look => {}
        }
    }

    /// Whether the active role was lost and nobody has dealt with it.
    pub fn has_lost(&self) -> bool {
        self.lost.is_some() || !self.crashed.is_empty()
    }

    /// What it was, for people.
    pub fn loss(&self) -> Option<Cause> {
        self.crashed.front().map(|service| Cause::Gone(*service)).or(self.lost.map(Cause::Vrrp))
    }

    fn is_due(&self, now: Duration) -> bool {
        self.stopped.values().any(|at| *at <= now)
    }

    /// Whether keepalived has said something else than MASTER since it was last
    /// dealt with: a long step of a promotion gives way.
    pub fn vip_is_gone(&self) -> bool {
        self.lost.is_some() || self.waiting.is_some_and(|vrrp| vrrp != Vrrp::Master)
    }

    /// keepalived's state now.
    pub fn vrrp(&self) -> Option<Vrrp> {
        self.vrrp
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inbox(messages: Vec<Message>) -> Inbox {
        let mut inbox = Inbox::new(Duration::from_secs(3), None);
        for message in messages {
            inbox.absorb(Duration::ZERO, message);
        }
        inbox
    }

    fn next(inbox: &mut Inbox, secs: u64) -> Option<Cause> {
        inbox.next(Duration::from_secs(secs)).map(|next| next.cause)
    }

    #[test]
    fn flaps_coalesce_and_the_latest_wins() {
        let mut flaps: Vec<Message> =
            (0..50).flat_map(|_| [Message::Vrrp(Vrrp::Master), Message::Vrrp(Vrrp::Backup)]).collect();
        flaps.push(Message::Vrrp(Vrrp::Master));
        let mut inbox = inbox(flaps);
        assert_eq!(next(&mut inbox, 0), Some(Cause::Vrrp(Vrrp::Master)));
        assert_eq!(next(&mut inbox, 0), None);
    }

    #[test]
    fn a_fault_is_not_lost_among_others() {
        let mut inbox =
            inbox(vec![Message::Vrrp(Vrrp::Fault), Message::Vrrp(Vrrp::Backup), Message::Vrrp(Vrrp::Master)]);
        assert_eq!(next(&mut inbox, 0), Some(Cause::Vrrp(Vrrp::Fault)));
        assert_eq!(next(&mut inbox, 0), Some(Cause::Vrrp(Vrrp::Master)));
    }

    #[test]
    fn a_clean_stop_counts_after_the_grace_and_a_crash_at_once() {
        let stop = |service, clean| Message::Stopped { service, clean };
        let mut inbox = inbox(vec![stop(Service::Api, true), stop(Service::Database, false)]);
        assert_eq!(next(&mut inbox, 1), Some(Cause::Gone(Service::Database)));
        assert_eq!(next(&mut inbox, 1), None);
        assert_eq!(next(&mut inbox, 3), Some(Cause::Gone(Service::Api)));
    }

    #[test]
    fn what_runs_again_is_not_gone() {
        for clean in [true, false] {
            let stopped = Message::Stopped { service: Service::Api, clean };
            let mut inbox = inbox(vec![stopped, Message::Started(Service::Api)]);
            assert_eq!(next(&mut inbox, 9), None);
        }
    }

    #[test]
    fn what_gave_way_comes_again_unless_it_is_over() {
        let mut inbox = inbox(vec![Message::Vrrp(Vrrp::Master)]);
        let master = next(&mut inbox, 0).unwrap();
        assert!(!inbox.is_more_urgent_than(&master, Duration::ZERO));
        inbox.absorb(Duration::ZERO, Message::Vrrp(Vrrp::Fault));
        assert!(inbox.is_more_urgent_than(&master, Duration::ZERO));
        inbox.put_back(master);
        assert_eq!(next(&mut inbox, 0), Some(Cause::Vrrp(Vrrp::Fault)));
        assert_eq!(next(&mut inbox, 0), None);
    }
}
