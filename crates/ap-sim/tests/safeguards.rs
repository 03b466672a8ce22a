//! Each safeguard that is taken away is found within so many worlds, from seed 1 on.

use ap_sim::{Story, Twist};

fn found(twist: Twist, within: u64) {
    let broken = (1..=within).find_map(|seed| {
        let story = Story { twist: Some(twist), ..Story::new(seed) };
        story.run(false).broken.filter(|broken| broken.known.is_none()).map(|broken| (seed, broken))
    });
    let Some((worlds, broken)) = broken else { unreachable!("{twist:?} is not missed in {within} worlds") };
    println!("{twist:?}, after {worlds} worlds: {broken}");
}

#[test]
fn a_database_that_is_not_killed() {
    found(Twist::NoFence, 20);
}

#[test]
fn a_relay_log_that_is_not_drained() {
    found(Twist::NoDrain, 400);
}

#[test]
fn a_lease_that_stays_on_disk() {
    found(Twist::LeaseStays, 10);
}

#[test]
fn answers_of_two_seconds_ago() {
    found(Twist::OldAnswers, 40);
}

#[test]
fn semi_sync_that_is_not_on() {
    found(Twist::NoSemiSync, 10);
}

#[test]
fn a_hand_over_that_stays_writable() {
    found(Twist::StaysWritable, 20);
}

#[test]
fn a_state_that_is_not_durable() {
    found(Twist::ForgetsState, 150);
}
