//! `ap-sim SEED` tells one world line by line; `ap-sim SEED COUNT` runs that many on all
//! cores and says what they came to; with `rules` behind it, which rules fired how often.

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use ap_sim::{Figures, Story};

/// New failures that are told as short stories.
const TOLD: usize = 5;

fn main() -> ExitCode {
    let mut words: Vec<String> = std::env::args().skip(1).collect();
    let rules = words.get(2).is_some_and(|word| word == "rules");
    words.truncate(if rules { 2 } else { words.len() });
    let numbers: Vec<Option<u64>> = words.iter().map(|word| word.parse().ok()).collect();
    match numbers.as_slice() {
        [Some(seed)] => one(*seed),
        [Some(seed), Some(count)] => many(*seed, *count, rules),
        _ => {
            say("usage: ap-sim SEED [COUNT [rules]]\n");
            ExitCode::from(64)
        }
    }
}

fn one(seed: u64) -> ExitCode {
    let story = Story::new(seed);
    let end = story.run(true);
    say(&end.lines);
    match end.broken {
        None => {
            say("kept every promise\n");
            ExitCode::SUCCESS
        }
        Some(broken) => {
            say(&format!("{broken}\n"));
            ExitCode::FAILURE
        }
    }
}

fn many(seed: u64, count: u64, rules: bool) -> ExitCode {
    let began = Instant::now();
    let end = seed.saturating_add(count);
    let next = AtomicU64::new(seed);
    let total = Mutex::new((Figures::default(), Vec::new()));
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end {
                        break;
                    }
                    let came = Story::new(seed).run(false);
                    let Ok(mut total) = total.lock() else { break };
                    total.0.add(&came.figures);
                    total.1.extend(came.broken.map(|broken| (seed, broken)));
                }
            });
        }
    });
    let Ok((figures, mut failures)) = total.into_inner() else { return ExitCode::FAILURE };
    failures.sort_by_key(|(seed, _)| *seed);
    tell(&figures, began.elapsed().as_secs_f64());
    if rules {
        let mut rules: Vec<(&String, &u64)> = figures.rules.iter().collect();
        rules.sort_by_key(|(_, fired)| std::cmp::Reverse(**fired));
        rules.iter().for_each(|(rule, fired)| say(&format!("{fired:>8} {rule}\n")));
    }
    let (old, new): (Vec<_>, Vec<_>) = failures.iter().partition(|(_, broken)| broken.known.is_some());
    say(&format!("{} new failures, {} known ones\n", new.len(), old.len()));
    old.iter().for_each(|(seed, broken)| say(&format!("seed {seed}: {broken}\n")));
    for (at, (seed, broken)) in new.iter().enumerate() {
        say(&format!("seed {seed}: {broken}\n"));
        if at < TOLD {
            let story = Story::new(*seed).shrink();
            story.happenings.iter().for_each(|happening| say(&format!("    {happening}\n")));
        }
    }
    if new.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn tell(figures: &Figures, took: f64) {
    let hours = figures.time.as_secs_f64() / 3600.0;
    say(&format!(
        "{} worlds, {hours:.1} simulated hours, {} faults, {} failovers, {} commands, {} writes acknowledged, {:.1} s\n",
        figures.worlds, figures.faults, figures.failovers, figures.commands, figures.acknowledged, took
    ));
}

/// A closed pipe is no error.
fn say(text: &str) {
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
}
