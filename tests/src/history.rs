//! What writers saw: outages, and which node acknowledged when.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// What a client knows about a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The named node said that it is done.
    Acknowledged {
        /// Its hostname.
        node: String,
    },
    /// No such answer: it may or may not have been done.
    Failed(String),
}

/// One attempt to write.
#[derive(Debug, Clone)]
pub struct Write {
    /// Its key; no other attempt has the same.
    pub key: i64,
    /// When the client began.
    pub sent: Instant,
    /// When the client had an answer or gave up.
    pub done: Instant,
    /// What the client knows.
    pub outcome: Outcome,
}

impl Write {
    /// The node that acknowledged it.
    pub fn node(&self) -> Option<&str> {
        match &self.outcome {
            Outcome::Acknowledged { node } => Some(node),
            Outcome::Failed(_) => None,
        }
    }
}

/// The longest time without an acknowledged write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outage {
    /// From one acknowledgement to the next.
    pub length: Duration,
    /// Whether there was a next.
    pub ended: bool,
}

/// A run of acknowledgements by one node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// Its hostname.
    pub node: String,
    /// How many.
    pub acknowledged: usize,
}

/// Everything one or several writers saw, in the order of the answers.
#[derive(Debug, Clone)]
pub struct History {
    writes: Vec<Write>,
    stopped: Instant,
}

impl History {
    /// Puts writes in order.
    pub fn new(mut writes: Vec<Write>, stopped: Instant) -> Self {
        writes.sort_by_key(|write| write.done);
        Self { writes, stopped }
    }

    /// What several writers saw, together.
    pub fn merge(histories: impl IntoIterator<Item = Self>) -> Self {
        let mut all = Self::new(Vec::new(), Instant::now());
        for history in histories {
            all.stopped = all.stopped.min(history.stopped);
            all.writes.extend(history.writes);
        }
        Self::new(all.writes, all.stopped)
    }

    /// All attempts.
    pub fn writes(&self) -> &[Write] {
        &self.writes
    }

    /// The acknowledged ones.
    pub fn acknowledged(&self) -> impl Iterator<Item = &Write> {
        self.writes.iter().filter(|write| write.node().is_some())
    }

    /// The longest gap between two acknowledgements in a row that ends after
    /// `since`; the time from the last one to the end counts as well.
    pub fn outage(&self, since: Instant) -> Outage {
        let mut before: Option<Instant> = None;
        let mut worst = Outage { length: Duration::ZERO, ended: true };
        for write in self.acknowledged() {
            if write.done >= since {
                let length = write.done - before.unwrap_or(since);
                if length > worst.length {
                    worst.length = length;
                }
            }
            before = Some(write.done);
        }
        let open = self.stopped.saturating_duration_since(before.unwrap_or(since));
        if open > worst.length {
            worst = Outage { length: open, ended: false };
        }
        worst
    }

    /// Which node acknowledged, one entry for each change.
    pub fn turns(&self) -> Vec<Turn> {
        let mut turns: Vec<Turn> = Vec::new();
        for node in self.acknowledged().filter_map(Write::node) {
            match turns.last_mut() {
                Some(turn) if turn.node == node => turn.acknowledged += 1,
                _ => turns.push(Turn { node: node.to_owned(), acknowledged: 1 }),
            }
        }
        turns
    }

    /// The longest time for which two nodes provably took turns at
    /// acknowledging between `from` and `to`: one of them acknowledged a write
    /// that was sent after the other's first acknowledgement. Meant for a span
    /// with at most one handover in it.
    pub fn overlap(&self, from: Instant, to: Instant) -> Option<Duration> {
        // Per node: its first acknowledgement, and the latest begin of a write it acknowledged.
        let mut spans: BTreeMap<&str, (Instant, Instant)> = BTreeMap::new();
        for write in self.acknowledged() {
            if let Some(node) = write.node()
                && write.sent >= from
                && write.done <= to
            {
                let span = spans.entry(node).or_insert((write.done, write.sent));
                span.0 = span.0.min(write.done);
                span.1 = span.1.max(write.sent);
            }
        }
        // Of the two that began last, the earlier end counts.
        let mut worst = None;
        for (one, first) in &spans {
            for (other, second) in spans.range(*one..).skip(1) {
                debug_assert_ne!(one, other);
                let begin = first.0.max(second.0);
                let end = first.1.min(second.1);
                if end > begin {
                    worst = worst.max(Some(end - begin));
                }
            }
        }
        worst
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(start: Instant, acks: &[(u64, &str)], stopped: u64) -> History {
        let at = |ms| start + Duration::from_millis(ms);
        let writes = acks
            .iter()
            .zip(1..)
            .map(|(&(ms, node), key)| Write {
                key,
                sent: at(ms),
                done: at(ms + 1),
                outcome: if node.is_empty() {
                    Outcome::Failed("refused".to_owned())
                } else {
                    Outcome::Acknowledged { node: node.to_owned() }
                },
            })
            .collect();
        History::new(writes, at(stopped))
    }

    #[test]
    fn outage_is_the_longest_gap_after_the_fault() {
        let start = Instant::now();
        let acks = [(0, "a"), (500, "a"), (510, "a"), (520, ""), (710, "b")];
        let outage = history(start, &acks, 720).outage(start + Duration::from_millis(515));
        assert_eq!(outage.length, Duration::from_millis(200));
        assert!(outage.ended);
    }

    #[test]
    fn outage_that_does_not_end_is_open() {
        let start = Instant::now();
        let outage = history(start, &[(0, "a"), (10, "a")], 1011).outage(start);
        assert_eq!(outage.length, Duration::from_millis(1000));
        assert!(!outage.ended);
    }

    #[test]
    fn a_handover_is_no_overlap() {
        let start = Instant::now();
        let seen = history(start, &[(0, "a"), (10, "a"), (20, "b"), (30, "b")], 40);
        assert_eq!(seen.overlap(start, start + Duration::from_secs(1)), None);
        assert_eq!(seen.turns().len(), 2);
    }

    #[test]
    fn two_at_the_same_time_are_an_overlap() {
        let start = Instant::now();
        let seen = history(start, &[(0, "a"), (10, "b"), (20, "a"), (30, "b")], 40);
        let overlap = seen.overlap(start, start + Duration::from_secs(1));
        assert_eq!(overlap, Some(Duration::from_millis(9)));
        assert_eq!(seen.turns().len(), 4);
    }
}
