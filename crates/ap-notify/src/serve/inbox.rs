//! What is waiting to be looked at. FAULT and STOP latch; other VRRP events
//! coalesce, the latest wins (F13); requests queue.

use std::collections::{HashMap, VecDeque};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use ap_core::message::{Message, Request};
use ap_core::mode::{Service, Vrrp};
use ap_core::plan::Cause;

/// The queue behind the FIFO.
#[derive(Debug)]
pub struct Inbox {
    lines: Receiver<Message>,
    grace: Duration,
    /// keepalived's last word, not yet looked at.
    vrrp: Option<Vrrp>,
    /// A FAULT or STOP among the words not yet looked at.
    lost: Option<Vrrp>,
    crashed: VecDeque<Service>,
    /// Cleanly stopped units and when that counts (time since boot).
    stopped: HashMap<Service, Duration>,
    requests: VecDeque<Request>,
    /// keepalived's word at this moment, looked at or not.
    word: Option<Vrrp>,
}

impl Inbox {
    /// An inbox that begins with what was remembered of keepalived.
    pub fn new(lines: Receiver<Message>, grace: Duration, word: Option<Vrrp>) -> Self {
        Self {
            lines,
            grace,
            vrrp: None,
            lost: None,
            crashed: VecDeque::new(),
            stopped: HashMap::new(),
            requests: VecDeque::new(),
            word,
        }
    }

    /// Takes in what has come, waiting up to `wait` for the first line.
    /// Returns whether anything came.
    pub fn absorb(&mut self, now: Duration, wait: Duration) -> bool {
        match self.lines.recv_timeout(wait) {
            Ok(message) => self.sort(now, message),
            // The reading thread never ends before the process does.
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return false,
        }
        while let Ok(message) = self.lines.try_recv() {
            self.sort(now, message);
        }
        true
    }

    fn sort(&mut self, now: Duration, message: Message) {
        self.word = message.vrrp().or(self.word);
        match message {
            Message::Vrrp(word) => {
                self.vrrp = Some(word);
                if matches!(word, Vrrp::Fault | Vrrp::Stop) {
                    self.lost = Some(word);
                }
            }
            Message::Stopped { service, clean } => {
                if clean && service != Service::Keepalived {
                    self.stopped.insert(service, now + self.grace);
                } else {
                    self.crashed.push_back(service);
                }
            }
            Message::Started(service) => {
                self.stopped.remove(&service);
            }
            Message::Request(request) => self.requests.push_back(request),
        }
    }

    /// The next thing to look at, the most urgent first.
    pub fn next(&mut self, now: Duration) -> Option<Cause> {
        if let Some(service) = self.crashed.pop_front() {
            return Some(Cause::Gone(service));
        }
        if let Some(word) = self.lost.take() {
            if self.vrrp == Some(word) {
                self.vrrp = None;
            }
            return Some(Cause::Vrrp(word));
        }
        if let Some(word) = self.vrrp.take() {
            return Some(Cause::Vrrp(word));
        }
        let due = self.stopped.iter().find(|(_, at)| **at <= now).map(|(service, _)| *service);
        if let Some(service) = due {
            self.stopped.remove(&service);
            return Some(Cause::Gone(service));
        }
        self.requests.pop_front().map(Cause::Request)
    }

    /// Whether keepalived has said something else than MASTER since it was last
    /// looked at: a long step of a promotion gives way.
    pub fn moved_on(&mut self, now: Duration) -> bool {
        self.absorb(now, Duration::ZERO);
        self.lost.is_some() || self.vrrp.is_some_and(|word| word != Vrrp::Master)
    }

    /// keepalived's word now.
    pub fn word(&self) -> Option<Vrrp> {
        self.word
    }

    /// Cleanly stopped units whose grace is not over.
    pub fn in_grace(&self) -> impl Iterator<Item = Service> {
        self.stopped.keys().copied()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    fn inbox(messages: Vec<Message>) -> Inbox {
        let (sender, receiver) = mpsc::channel();
        for message in messages {
            sender.send(message).unwrap();
        }
        let mut inbox = Inbox::new(receiver, Duration::from_secs(3), None);
        inbox.absorb(Duration::ZERO, Duration::ZERO);
        inbox
    }

    #[test]
    fn flaps_coalesce_and_the_latest_wins() {
        let mut flaps: Vec<Message> =
            (0..50).flat_map(|_| [Message::Vrrp(Vrrp::Master), Message::Vrrp(Vrrp::Backup)]).collect();
        flaps.push(Message::Vrrp(Vrrp::Master));
        let mut inbox = inbox(flaps);
        assert_eq!(inbox.next(Duration::ZERO), Some(Cause::Vrrp(Vrrp::Master)));
        assert_eq!(inbox.next(Duration::ZERO), None);
    }

    #[test]
    fn a_fault_is_not_lost_among_others() {
        let mut inbox =
            inbox(vec![Message::Vrrp(Vrrp::Fault), Message::Vrrp(Vrrp::Backup), Message::Vrrp(Vrrp::Master)]);
        assert_eq!(inbox.next(Duration::ZERO), Some(Cause::Vrrp(Vrrp::Fault)));
        assert_eq!(inbox.next(Duration::ZERO), Some(Cause::Vrrp(Vrrp::Master)));
    }

    #[test]
    fn a_clean_stop_counts_after_the_grace_and_a_crash_at_once() {
        let stop = |service, clean| Message::Stopped { service, clean };
        let mut inbox = inbox(vec![stop(Service::Api, true), stop(Service::Database, false)]);
        assert_eq!(inbox.next(Duration::from_secs(1)), Some(Cause::Gone(Service::Database)));
        assert_eq!(inbox.next(Duration::from_secs(1)), None);
        assert_eq!(inbox.next(Duration::from_secs(3)), Some(Cause::Gone(Service::Api)));
    }

    #[test]
    fn a_restart_within_the_grace_is_nothing() {
        let mut inbox =
            inbox(vec![Message::Stopped { service: Service::Api, clean: true }, Message::Started(Service::Api)]);
        assert_eq!(inbox.next(Duration::from_secs(9)), None);
    }
}
