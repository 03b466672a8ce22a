//! What an older version wrote is read, and what is written can be read by it: the
//! files in `kept/` were written by commit e2530bc. A node is upgraded while it runs,
//! and its peer is of the other version meanwhile.

#![allow(clippy::unwrap_used)] // helpers of tests may assert as tests do

use std::fs;
use std::path::{Path, PathBuf};

use ap_core::answer::Answer;
use ap_core::event::Event;
use ap_core::message::{Request, Verb};
use ap_core::mode::{Mode, Role, Vrrp};
use ap_core::state::{Intention, State};

fn kept(name: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/kept")).join(name)
}

fn state(name: &str) -> State {
    let text = fs::read_to_string(kept(&format!("state-{name}.toml"))).unwrap();
    let state = State::from_toml(&text).unwrap();
    assert_eq!(state.to_toml().unwrap(), text, "{name}: the older version could not read it");
    state
}

#[test]
fn states_are_read_and_written_as_before() {
    assert_eq!(state("fresh"), State::fresh());
    let active = state("active");
    assert_eq!((active.mode, active.role, active.epoch), (Mode::Ap, Role::Active, 7));
    assert_eq!(active.granted.as_deref(), Some("1a2b3c4d-812.33411-9"));
    assert_eq!(state("promoting").intention, Some(Intention::Promote { epoch: 8 }));
    assert_eq!(state("leaving").intention, Some(Intention::Leave { why: "keepalived says FAULT".into() }));
    let verb = Verb::Set { mode: Mode::Ap, role: Some(Role::Active), reseed: true };
    let (id, who, why) = ("42-1".into(), "operator root".into(), "test".into());
    let request = Request { id, who, why, verb, force: true, dry_run: false };
    assert_eq!(state("asked").intention, Some(Intention::Request { request }));
}

#[test]
fn answers_are_read_and_written_as_before() {
    let line = fs::read_to_string(kept("answer.json")).unwrap();
    let answer: Answer = serde_json::from_str(&line).unwrap();
    assert!(answer.lease && answer.promoting && answer.replicating && answer.report.started);
    assert_eq!((answer.epoch, answer.vrrp), (7, Some(Vrrp::Backup)));
    assert_eq!(answer.grant.as_deref(), Some(answer.relay.as_str()));
    assert_eq!(serde_json::to_string(&answer).unwrap() + "\n", line);
}

#[test]
fn a_history_goes_on() {
    let text = fs::read_to_string(kept("events.jsonl")).unwrap();
    let events: Vec<Event> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(events.iter().map(|event| event.outcome.as_str()).collect::<Vec<_>>(), ["heard", "done"]);
    assert_eq!((events[1].steps.len(), events[1].total_ms()), (2, 1.75));
    let again: String = events.iter().map(|event| serde_json::to_string(event).unwrap() + "\n").collect();
    assert_eq!(again, text);
}
