//! What happens when, drawn from a seed: the same seed draws the same again.

use std::time::Duration;

/// Numbers that follow from a seed alone (SplitMix64).
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// Begins with a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `limit`.
    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }

    /// A time between two, to the millisecond.
    fn between(&mut self, least: Duration, most: Duration) -> Duration {
        let span = u64::try_from(most.saturating_sub(least).as_millis()).unwrap_or(u64::MAX);
        least + Duration::from_millis(self.below(span.saturating_add(1)))
    }
}

/// One draw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draw<T> {
    /// What breaks.
    pub fault: T,
    /// Undisturbed writing before it.
    pub pause: Duration,
    /// How long it lasts, or how late it is mended.
    pub long: Duration,
}

/// Shortest and longest undisturbed writing before a fault.
const PAUSE: (Duration, Duration) = (Duration::from_millis(200), Duration::from_millis(1000));
/// The same of the fault itself.
const LONG: (Duration, Duration) = (Duration::ZERO, Duration::from_millis(2000));

/// Draws as many as `count` from a deck of faults: each once, in random order,
/// before any comes again.
pub fn draw<T: Clone>(seed: u64, count: usize, all: &[T]) -> Vec<Draw<T>> {
    let mut dice = Dice::new(seed);
    let mut deck = Vec::new();
    let mut drawn = Vec::new();
    while drawn.len() < count && !all.is_empty() {
        if deck.is_empty() {
            deck = all.to_vec();
        }
        let card = usize::try_from(dice.below(deck.len() as u64)).unwrap_or(0);
        let fault = deck.swap_remove(card);
        drawn.push(Draw { fault, pause: dice.between(PAUSE.0, PAUSE.1), long: dice.between(LONG.0, LONG.1) });
    }
    drawn
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_draws_the_same_again_and_another_one_something_else() {
        let all: Vec<u32> = (0..30).collect();
        assert_eq!(draw(7, 100, &all), draw(7, 100, &all));
        assert_eq!(draw(7, 100, &all)[..10], draw(7, 10, &all));
        assert_ne!(draw(7, 100, &all), draw(8, 100, &all));
    }

    #[test]
    fn each_comes_once_before_any_comes_again() {
        let all: Vec<u32> = (0..30).collect();
        let drawn = draw(1, 60, &all);
        for half in drawn.chunks(30) {
            let mut faults: Vec<u32> = half.iter().map(|draw| draw.fault).collect();
            faults.sort_unstable();
            assert_eq!(faults, all);
        }
        assert!(drawn.iter().all(|draw| (PAUSE.0..=PAUSE.1).contains(&draw.pause) && draw.long <= LONG.1));
    }
}
