//! The operator's commands, from every mode, repeated.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use ap_core::mode::Role;
use nix::sys::signal::Signal;

use crate::clients::{Clients, same_data};
use crate::expect::{Is, expect};
use crate::failover::{roles, way_back};
use crate::node::Node;
use crate::pair::Pair;
use crate::product::{ap_mode, ap_mode_ends, show, wait_protected};
use crate::scenario::{Counts, Scenario, protected};
use crate::untouched::untouched;
use crate::wait::{Seen, holds, wait_for};

/// Scenarios of this file.
pub const SCENARIOS: &[Scenario] = &[
    protected("modes", "set-from-every-mode", set_from_every_mode),
    protected("modes", "set-s-beside-a-fenced-active", set_s_beside_a_fenced_active),
    protected("modes", "start-stop-restart", start_stop_restart).long(),
];

/// Longest stall of an active whose standby leaves in good order: it holds no
/// lease any more and says so at the next question.
const STALL: Duration = Duration::from_secs(1);
/// Longest pause of a handover.
const HANDOVER: Duration = Duration::from_millis(500);

/// Commands that must do nothing, because it was done already or is refused: on
/// which node, what, the exit code, and what is said. Both nodes stay as they are.
fn idle(pair: &Pair, commands: &[(&Node, &str, i32, &str)]) -> Result<()> {
    let all = commands.iter().map(|(_, command, ..)| *command).collect::<Vec<_>>().join(", ");
    untouched(pair, &all, || {
        commands.iter().try_for_each(|(node, command, code, says)| {
            let said = ap_mode_ends(node, command, *code)?;
            ensure!(said.contains(says), "{command} on {} does not say '{says}': {said}", node.name());
            Ok(())
        })
    })
}

/// `set` to a mode; the node becomes what that is.
fn set(pair: &Pair, node: &Node, mode: &str, is: Is) -> Result<()> {
    let command = format!("set {mode}");
    ap_mode(node, &command)?;
    expect(pair, node, is).context(command)
}

fn protected_again(pair: &Pair, active: &Node) -> Result<()> {
    let standby = pair.peer(active);
    wait_protected(active)?;
    wait_protected(standby)?;
    // Followed at the standby's next look.
    let epochs = || Ok(holds(show(active)?.epoch == show(standby)?.epoch));
    wait_for("both to have the same epoch", Duration::from_secs(5), epochs)?;
    expect(pair, active, Is::Active)?;
    expect(pair, standby, Is::Standby)
}

/// Does something and returns the longest time without acknowledged writes meanwhile.
fn pause(clients: &Clients, server: &Node, work: impl FnOnce() -> Result<()>) -> Result<Duration> {
    let begun = Instant::now();
    work()?;
    let done = Instant::now();
    clients.wait_served_by(server, done, Duration::from_secs(10))?;
    Ok(clients.outage(begun).length)
}

fn set_from_every_mode(pair: &Pair) -> Result<Counts> {
    let (x, y) = roles(pair)?;
    let clients = Clients::start(pair)?;

    // Active and standby, mode ap.
    idle(
        pair,
        &[
            (x, "set ap", 0, "already ap"),
            (y, "set ap", 0, "already ap"),
            (x, "set ap --role active", 0, "already ap"),
            (x, "set ap --role standby", 1, "this node is active"),
            (y, "set ap --role active", 1, "this node is standby"),
            (x, "set ap --reseed", 1, "only a node in m"),
            (y, "set ap --reseed", 1, "only a node in m"),
            (y, "set s", 1, "serves (mode ap, role active)"),
        ],
    )?;

    // s from ap, active: the standby goes on following it.
    let alone = pause(&clients, x, || set(pair, x, "s", Is::Alone))?;
    expect(pair, y, Is::Standby)?;
    idle(
        pair,
        &[
            (x, "set s", 0, "already s"),
            (y, "set s", 1, "has the higher epoch"),
            (y, "set ap", 0, "already ap"),
            (x, "set ap --reseed", 1, "its data is the truth"),
        ],
    )?;
    // ap from s.
    let paired = pause(&clients, x, || set(pair, x, "ap", Is::Active))?;
    protected_again(pair, x)?;

    // m from ap, standby; the active goes on.
    let left = pause(&clients, x, || set(pair, y, "m", Is::Resting))?;
    ensure!(left < STALL, "the standby left in good order, yet the active stalled for {left:?}");
    expect(pair, x, Is::Active)?;
    wait_for("the active to go on alone", STALL, || Ok(holds(show(x)?.solo)))?;
    idle(
        pair,
        &[
            (y, "set m", 0, "already m"),
            (y, "set s", 1, "serves (mode ap, role active)"),
            (x, "set ap", 0, "already ap"),
        ],
    )?;
    set(pair, y, "ap", Is::Standby)?;
    protected_again(pair, x)?;

    // m from ap, active: a handover.
    let before = Instant::now();
    let handover = pause(&clients, y, || set(pair, x, "m", Is::Resting))?;
    ensure!(handover < HANDOVER, "a planned handover took {handover:?}");
    expect(pair, y, Is::Alone)?;
    idle(
        pair,
        &[
            (x, "set m", 0, "already m"),
            (x, "set s", 1, "has the higher epoch"),
            (x, "start", 1, "mode m"),
            (y, "set s", 0, "already s"),
            (y, "set ap", 1, "`ap-mode set ap` on the other host first"),
        ],
    )?;
    way_back(pair, y)?;
    let seen = clients.stop()?;
    let counts = seen.count(y, before, Instant::now())?;

    // m from s, and s from m: nobody else may serve meanwhile.
    set(pair, y, "s", Is::Alone)?;
    set(pair, y, "m", Is::RestingActive)?;
    idle(
        pair,
        &[
            (y, "set m", 0, "already m"),
            (y, "set ap", 1, "does not serve"),
            (x, "set s", 1, "has the higher epoch"),
            (x, "set ap", 0, "already ap"),
        ],
    )?;
    set(pair, y, "s", Is::Alone)?;
    expect(pair, x, Is::Standby)?;
    set(pair, y, "ap", Is::Active)?;
    protected_again(pair, y)?;
    wait_for("both nodes to have the same data", Duration::from_secs(10), || same_data(pair).map(Seen::Done))?;
    let ms = |time: Duration| time.as_millis();
    let note = format!("pauses: set s {} ms, set ap {} ms, set m standby {} ms", ms(alone), ms(paired), ms(left));
    Ok(Counts { outage: Some(handover), note, ..counts })
}

fn start_stop_restart(pair: &Pair) -> Result<Counts> {
    let (x, y) = roles(pair)?;
    let clients = Clients::start(pair)?;

    // On the standby.
    idle(pair, &[(y, "start", 0, "already started")])?;
    let left = pause(&clients, x, || ap_mode(y, "stop").map(drop))?;
    ensure!(left < STALL, "the standby was stopped in good order, yet the active stalled for {left:?}");
    expect(pair, y, Is::Stopped(Role::Standby))?;
    expect(pair, x, Is::Active)?;
    idle(pair, &[(y, "stop", 0, "")])?;
    ap_mode(y, "start")?;
    protected_again(pair, x)?;
    ap_mode(y, "restart")?;
    protected_again(pair, x)?;

    // On the active of a pair: stopping is handing over.
    let before = Instant::now();
    let stop = pause(&clients, y, || ap_mode(x, "stop").map(drop))?;
    ensure!(stop < HANDOVER, "a planned handover took {stop:?}");
    expect(pair, x, Is::Resting)?;
    expect(pair, y, Is::Alone)?;
    idle(pair, &[(x, "start", 1, "mode m"), (x, "restart", 1, "mode m"), (x, "stop", 0, "mode m")])?;
    way_back(pair, y)?;
    let counts = clients.stop()?.count(y, before, Instant::now())?;

    // Once more, by `restart`, the other way round.
    let clients = Clients::start(pair)?;
    let before = Instant::now();
    let restart = pause(&clients, x, || ap_mode(y, "restart").map(drop))?;
    expect(pair, y, Is::Resting)?;
    expect(pair, x, Is::Alone)?;
    way_back(pair, x)?;
    let more = clients.stop()?.count(x, before, Instant::now())?;

    // In s it is an outage that was asked for; the mode stays.
    ap_mode(x, "set s")?;
    ap_mode(x, "stop")?;
    expect(pair, x, Is::StoppedAlone)?;
    idle(pair, &[(x, "set ap", 1, "`ap-mode start` first")])?;
    ap_mode(x, "start")?;
    expect(pair, x, Is::Alone)?;
    ap_mode(x, "restart")?;
    expect(pair, x, Is::Alone)?;
    ap_mode(x, "set ap")?;
    protected_again(pair, x)?;
    let note = format!("restart {} ms, standby stopped {} ms", restart.as_millis(), left.as_millis());
    Ok(Counts {
        acknowledged: counts.acknowledged + more.acknowledged,
        missing: counts.missing + more.missing,
        outage: Some(stop),
        note,
    })
}

/// The active has fenced itself and rests, and the standby cannot be MASTER: what
/// `--dry-run` says there is what is done. A tool that looks for itself knows neither the
/// name of the relay log nor whom the active fenced itself for.
fn set_s_beside_a_fenced_active(pair: &Pair) -> Result<Counts> {
    let (active, standby) = roles(pair)?;
    standby.run("systemctl stop keepalived.service")?;
    active.signal_unit("demo-api.service", Signal::SIGKILL)?;
    expect(pair, active, Is::RestingActive)?;
    let planned = ap_mode(standby, "set s --dry-run")?;
    ensure!(planned.contains("mode s, role active") && planned.contains("STOP SLAVE IO_THREAD"), "{planned}");
    ensure!(!show(standby)?.serves(), "--dry-run did something");
    ap_mode(standby, "set s")?;
    expect(pair, standby, Is::Alone)?;
    way_back(pair, standby)?;
    Ok(Counts::default())
}
