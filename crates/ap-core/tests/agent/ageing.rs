//! Time is only ever a difference: an agent to which everything is older, and which
//! is told the rest that much earlier, orders the same.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use ap_core::agent::{Act, Agent, Effect, Input, Kept, Seen};
use ap_core::answer::{Answer, Report};
use ap_core::event::{Brief, Event as Happened};
use ap_core::message::Reply;
#[cfg(feature = "model")]
use ap_core::state::Intention;
use proptest::prelude::*;

use crate::events::Event;
use crate::kills::{Row, plans};
use crate::world::{Batch, How, World};
use crate::{begin, config};

/// A recorded life of an agent: what it found, when it began, what it was told.
struct Life {
    name: &'static str,
    kept: Kept,
    began: Duration,
    batches: Vec<Batch>,
}

/// One life for each plan: restarted, a while of nothing, the event, and what follows;
/// and one for each in which little ends by itself.
static LIVES: LazyLock<Vec<Life>> = LazyLock::new(|| {
    let plans = plans();
    let hung = |row: &Row| live(&("in vain", row.1, row.2.clone(), row.3.clone()), true);
    plans.iter().map(|row| live(row, false)).chain(plans.iter().map(hung)).collect()
});

fn live(row: &Row, hung: bool) -> Life {
    let mut world: World = begin(row.1);
    world.record = true;
    world.dies();
    world.run_for(Duration::from_secs(4));
    row.2.iter().for_each(|event: &Event| world.happens(event));
    world.run_for(Duration::from_millis(20));
    (world.deaf, world.mute) = (hung, hung);
    world.trap = hung.then_some((|act| matches!(act, Act::Save(_) | Act::Fault(..)), How::Hangs));
    world.happens(&row.3);
    world.run_for(Duration::from_secs(12));
    let (kept, began) = world.began.clone().unwrap();
    Life { name: row.0, kept, began, batches: world.batches }
}

fn earlier(input: &Input, by: Duration) -> Input {
    let mut input = input.clone();
    match &mut input {
        Input::Heard { asked, .. } => *asked -= by,
        Input::Seen { at, what } => {
            *at -= by;
            if let Seen::Checks(checks) = what {
                checks.values_mut().for_each(|(_, ran)| *ran -= by);
            }
        }
        Input::LeaseKept(Ok(Some((until, _)))) => *until -= by,
        _ => {}
    }
    input
}

/// An effect without words for people, with its moments that much later.
fn essence(effect: &Effect, by: Duration) -> Option<Effect> {
    let mut effect = effect.clone();
    match &mut effect {
        Effect::Publish(answer) => blank(answer),
        Effect::Ask { asked, .. } => *asked += by,
        Effect::Look { at, .. } => *at += by,
        Effect::KeepLease(Some((until, _))) => *until += by,
        Effect::Record(event) => {
            let (cause, outcome) = (event.cause.clone(), event.outcome.clone());
            *event = Happened { cause, outcome, ..Happened::default() };
        }
        Effect::Reply { reply: Reply::Step { text } | Reply::Done { text, .. }, .. } | Effect::Alert { text, .. } => {
            text.clear()
        }
        Effect::KeepPeer(_) | Effect::Log(_) | Effect::Warn(_) => return None,
        _ => {}
    }
    Some(effect)
}

fn blank(answer: &mut Answer) {
    answer.report = Report { event: None::<Brief>, ..Report::default() };
    for text in [&mut answer.doing, &mut answer.since, &mut answer.who, &mut answer.why, &mut answer.protection] {
        text.clear();
    }
}

fn essences(effects: &[Effect], by: Duration) -> Vec<Effect> {
    effects.iter().filter_map(|effect| essence(effect, by)).collect()
}

/// Replays a life; from a batch on with everything that much older.
fn replay(life: &Life, from: usize, by: Duration) {
    let site = World::fresh().site;
    let mut agent = Agent::new(Arc::clone(&site), life.kept.clone(), life.began);
    for (place, batch) in life.batches.iter().enumerate() {
        let shift = if place < from { Duration::ZERO } else { by };
        let now = batch.at - shift;
        if place == from {
            agent.age(by);
        }
        let effects = agent.on(now, earlier(&batch.input, shift));
        let (own, whole) = (essences(&effects, shift), essences(&batch.effects, Duration::ZERO));
        assert_eq!(own, whole, "{}: {:?} at {now:?}, {shift:?} older", life.name, batch.input);
    }
}

proptest! {
    #![proptest_config(config(200))]

    /// Red when one of the agent's times is not made older, or one that is no time is.
    #[test]
    fn an_aged_agent_orders_what_a_young_one_does(
        life in any::<prop::sample::Index>(),
        from in any::<prop::sample::Index>(),
        millis in 1..1_800_000_u64,
    ) {
        let life = life.get(&LIVES);
        replay(life, from.index(life.batches.len()), Duration::from_millis(millis));
    }
}

/// Red when the agent reads a clock, an environment or a random number.
#[test]
fn the_same_inputs_bring_the_same_effects() {
    LIVES.iter().for_each(|life| replay(life, usize::MAX, Duration::ZERO));
}

/// The recorded lives are lives: each ends with something done.
#[test]
fn a_recorded_life_holds_the_event_and_what_it_leads_to() {
    for life in LIVES.iter().filter(|life| life.name != "in vain") {
        let done = |batch: &Batch| batch.effects.iter().any(|effect| matches!(effect, Effect::Act { .. }));
        let told = |batch: &Batch| matches!(batch.input, Input::Lines(_));
        assert!(life.batches.iter().any(done) && life.batches.iter().any(told), "{}", life.name);
    }
}

/// What the agent orders, without words and without what is only told.
#[cfg(feature = "model")]
fn orders(effects: &[Effect]) -> Vec<Effect> {
    let told = |effect: &Effect| matches!(effect, Effect::Publish(_) | Effect::Record(_) | Effect::Alert { .. });
    let mut orders = essences(effects, Duration::ZERO);
    orders.retain(|effect| !told(effect));
    for effect in &mut orders {
        if let Effect::Act { act: Act::Save(state), .. } = effect {
            state.why.clear();
            if let Some(Intention::Leave { why }) = &mut state.intention {
                why.clear();
            }
        }
    }
    orders
}

/// An agent that forgets between any two inputs what `Agent::forget` takes for over orders
/// what one that remembers does. Red when that decides something after all.
#[cfg(feature = "model")]
#[test]
fn a_forgetful_agent_orders_what_one_that_remembers_does() {
    let site = World::fresh().site;
    for life in LIVES.iter() {
        let mut agent = Agent::new(Arc::clone(&site), life.kept.clone(), life.began);
        for batch in &life.batches {
            let effects = agent.on(batch.at, batch.input.clone());
            assert_eq!(orders(&effects), orders(&batch.effects), "{}: {:?} at {:?}", life.name, batch.input, batch.at);
            agent.forget(batch.at);
        }
    }
}
