//! The planned swap of roles: under writes, refused, and with every program and
//! either node dying in the middle of it.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use ap_core::mode::{Mode, Role, Vrrp};

use crate::clients::{Clients, same_data};
use crate::expect::{Is, expect};
use crate::failover::roles;
use crate::history::Outcome;
use crate::node::Node;
use crate::pair::Pair;
use crate::product::{ap_mode, show, wait_protected};
use crate::scenario::{Counts, Scenario, protected};
use crate::wait::{Seen, equals, holds, wait_for};

/// Scenarios of this file.
pub const SCENARIOS: &[Scenario] = &[
    protected("op", "switchover-there-and-back", there_and_back),
    protected("op", "switchover-refused", refusals),
    protected("op", "switchover-program-dies", |pair| program_dies(pair, &ACTIVE[..6], &STANDBY[..4])).within(LONG),
    protected("op", "switchover-program-dies-at-each-step", |pair| program_dies(pair, &ACTIVE, &STANDBY))
        .long()
        .within(LONG),
    protected("op", "switchover-active-dies", active_dies).within(LONG),
    protected("op", "switchover-standby-dies", standby_dies).within(LONG),
];

const LONG: Duration = Duration::from_secs(600);
/// What the issue asks for.
const PAUSE: Duration = Duration::from_millis(100);
/// Until a pair is what it should be, a role taken back included.
const SETTLED: Duration = Duration::from_secs(40);

/// Steps of the old active, the most telling ones first.
const ACTIVE: [&str; 12] = [
    "ReadOnly",
    "RecordFenced",
    "Fault(Role, true)",
    "AwaitPeerServes",
    "Follow",
    "Become",
    "AwaitProtection",
    "CompareHistories",
    "SemiSync",
    "AwaitReplication",
    "AwaitLease",
    "Finish",
];
/// Steps of the new one.
const STANDBY: [&str; 9] = [
    "Intend(Promote",
    "StopReceiving",
    "Become",
    "Writable",
    "Drain",
    "Confirm",
    "EndReplication",
    "SemiSync",
    "Finish",
];

/// Both in `ap`, protected, that node active, and the same rows on both.
fn pair_with_active(pair: &Pair, active: &Node) -> Result<()> {
    for node in pair.nodes() {
        wait_protected(node)?;
    }
    expect(pair, active, Is::Active)?;
    let standby = pair.peer(active);
    expect(pair, standby, Is::Standby)?;
    // keepalived hears of the lease with the next look.
    wait_for("the standby to be in BACKUP", SETTLED, || Ok(equals(show(standby)?.vrrp, &Some(Vrrp::Backup)))).map(drop)
}

fn same(pair: &Pair) -> Result<()> {
    wait_for("both nodes to have the same data", Duration::from_secs(10), || same_data(pair).map(Seen::Done)).map(drop)
}

/// What clients were told when it was not "done", for whoever reads the run.
fn told(seen: &crate::clients::Seen, begun: Instant) {
    for (name, history) in [("http", &seen.http), ("sql", &seen.sql)] {
        for write in history.writes().iter().filter(|write| write.sent >= begun) {
            let ms = |from: Instant, to: Instant| to.saturating_duration_since(from).as_secs_f64() * 1000.0;
            if let Outcome::Failed(why) = &write.outcome {
                eprintln!("{name} {:.0} ms +{:.0}: {why}", ms(begun, write.sent), ms(write.sent, write.done));
            }
        }
    }
}

/// Clients that write, and what they may be told.
struct Round<'a> {
    pair: &'a Pair,
    clients: Clients,
    begun: Instant,
}

impl<'a> Round<'a> {
    fn begin(pair: &'a Pair) -> Result<Self> {
        let clients = Clients::start(pair)?;
        Ok(Self { pair, clients, begun: Instant::now() })
    }

    /// `node` serves both clients from now on; nothing that was acknowledged is
    /// missing there or on the other one. Returns how long nobody served.
    fn end(self, node: &Node) -> Result<(Counts, Duration)> {
        self.clients.wait_served_by(node, Instant::now(), SETTLED)?;
        let pause = self.clients.outage(self.begun).length;
        let seen = self.clients.stop()?;
        let counts = seen.count(node, self.begun, Instant::now())?;
        if pause > PAUSE {
            told(&seen, self.begun);
        }
        ensure!(counts.missing == 0, "{} acknowledged writes are missing on {}", counts.missing, node.name());
        same(self.pair)?;
        Ok((counts, pause))
    }
}

/// Three times there and three times back, while clients write.
fn there_and_back(pair: &Pair) -> Result<Counts> {
    let mut total = Counts::default();
    let mut pauses = Vec::new();
    for _ in 0..6 {
        let (old, new) = roles(pair)?;
        pair_with_active(pair, old)?;
        let server = |node: &Node| node.run("cat /run/mysqld/mysqld.pid");
        let (epoch, before) = (show(old)?.epoch, server(old)?);
        let planned = ap_mode(old, "switchover --dry-run")?;
        for says in [
            "SET GLOBAL read_only=ON",
            "SQL   STOP SLAVE IO_THREAD",
            "CHANGE MASTER TO",
            "'***'",
            "mode ap, role standby",
        ] {
            ensure!(planned.contains(says), "--dry-run does not say {says}: {planned}");
        }
        ensure!(show(old)?.serves(), "--dry-run did something");
        let round = Round::begin(pair)?;
        std::thread::sleep(Duration::from_millis(300));
        ap_mode(old, "switchover --why 'new memory'")?;
        pair_with_active(pair, new)?;
        let (counts, pause) = round.end(new)?;
        ensure!(show(new)?.epoch == epoch + 1 && show(old)?.epoch == epoch + 1, "not one epoch further");
        ensure!(server(old)? == before, "the database of {} was restarted", old.name());
        total.acknowledged += counts.acknowledged;
        pauses.push(pause);
    }
    pauses.sort();
    let list = pauses.iter().map(|pause| format!("{:.0}", pause.as_secs_f64() * 1000.0)).collect::<Vec<_>>().join(" ");
    ensure!(pauses[pauses.len() / 2] < PAUSE, "pauses in ms: {list}");
    Ok(Counts { outage: pauses.last().copied(), note: format!("pauses {list} ms"), ..total })
}

/// Refused with the evidence and the way forward, and nothing is changed.
fn refusals(pair: &Pair) -> Result<Counts> {
    let (active, standby) = roles(pair)?;
    let refused = |node: &Node, evidence: &str, way: &str| {
        let what = format!("a refusal on {}: {evidence}", node.name());
        wait_for(&what, SETTLED, || {
            let output = node.sh("ap-mode switchover --dry-run", Duration::from_secs(10))?;
            let fits = output.code == 1 && output.stdout.contains(evidence) && output.stdout.contains(way);
            Ok(if fits { Seen::Done(()) } else { Seen::Not(format!("{output:?}")) })
        })?;
        let output = node.sh("ap-mode switchover", Duration::from_secs(60))?;
        ensure!(output.code == 1 && output.stdout.contains(evidence), "{output:?}");
        Ok::<_, anyhow::Error>(())
    };
    refused(standby, "this node is the standby", "`ap-mode switchover` on the active")?;
    standby.run("systemctl stop demo-api")?;
    refused(active, &format!("the check api is bad on {}", standby.name()), "`ap-mode status`")
        .or_else(|_| refused(active, "would not take the VIP: keepalived says FAULT", "`ap-mode status`"))?;
    standby.run("systemctl start demo-api")?;
    pair_with_active(pair, active)?;
    ap_mode(standby, "stop")?;
    wait_for("the active to go on alone", SETTLED, || Ok(holds(show(active)?.solo)))?;
    refused(active, "this node acknowledges alone", "wait until `ap-mode status`")?;
    ap_mode(standby, "start")?;
    pair_with_active(pair, active)?;
    Ok(Counts::default())
}

/// Lets `ap-notify` of a node kill itself at a step, once; comes back after `pause`.
fn set_trap(node: &Node, step: &str, pause: &str) -> Result<()> {
    let drop_in = format!("[Service]\nEnvironment=AP_TRAP=/run/ap/trap\nRestartSec={pause}\n");
    let file = "/run/systemd/system/ap-notify.service.d/trap.conf";
    if node.run(&format!("cat {file} 2>/dev/null || true"))? != drop_in.trim_end() {
        node.write(file, drop_in.as_bytes(), "0644")?;
        node.run("systemctl daemon-reload && systemctl restart ap-notify")?;
    }
    node.write("/run/ap/trap", step.as_bytes(), "0600")
}

fn remove_trap(node: &Node) -> Result<()> {
    let file = "/run/systemd/system/ap-notify.service.d/trap.conf";
    node.run(&format!("rm -f {file} /run/ap/trap; systemctl daemon-reload; systemctl restart ap-notify")).map(drop)
}

/// Until the program has killed itself at its step.
fn sprung(node: &Node, step: &str) -> Result<()> {
    let what = format!("ap-notify on {} to die at {step}", node.name());
    let looks = || Ok(equals(node.run("test -e /run/ap/trap && echo set || echo sprung")?.as_str(), &"sprung"));
    wait_for(&what, SETTLED, looks).map(drop)
}

/// `ap-notify` is killed at each step of either side and comes back: the roles are
/// swapped or as before, the pair is whole, nothing is lost.
fn program_dies(pair: &Pair, active_steps: &[&str], standby_steps: &[&str]) -> Result<Counts> {
    let mut total = Counts::default();
    let mut notes = Vec::new();
    let steps = active_steps.iter().map(|step| (true, *step)).chain(standby_steps.iter().map(|step| (false, *step)));
    for (on_active, step) in steps {
        let (old, new) = roles(pair)?;
        let victim = if on_active { old } else { new };
        let case = format!("{step} on the {}", if on_active { "active" } else { "standby" });
        set_trap(victim, step, "100ms")?;
        pair_with_active(pair, old)?;
        let round = Round::begin(pair)?;
        old.sh("ap-mode switchover --timeout 3s", Duration::from_secs(90))?;
        let ended: Result<&Node> = (|| {
            sprung(victim, step)?;
            let (active, _) = wait_for("one active, one standby", SETTLED, || {
                for node in pair.nodes() {
                    wait_protected(node)?;
                }
                let (active, standby) = roles(pair)?;
                let standby = show(standby)?;
                Ok(if (standby.mode, standby.role) == (Mode::Ap, Role::Standby) {
                    Seen::Done(active.name().to_owned())
                } else {
                    Seen::Not(format!("{} {}", standby.mode, standby.role))
                })
            })?;
            let active = if active == old.name() { old } else { new };
            pair_with_active(pair, active)?;
            Ok(active)
        })();
        let active = ended.with_context(|| case.clone())?;
        let (counts, pause) = round.end(active).with_context(|| case.clone())?;
        total.acknowledged += counts.acknowledged;
        total.outage = total.outage.max(Some(pause));
        notes.push(format!("{step} {}", if active.name() == new.name() { "swapped" } else { "as before" }));
        remove_trap(victim)?;
        pair_with_active(pair, active)?;
    }
    Ok(Counts { note: notes.join(", "), ..total })
}

/// The active loses power in the middle: the other one serves, and has everything.
fn active_dies(pair: &Pair) -> Result<Counts> {
    let mut total = Counts::default();
    for step in ["ReadOnly", "RecordFenced", "AwaitPeerServes", "Follow", "AwaitLease"] {
        let (old, new) = roles(pair)?;
        set_trap(old, step, "1h")?;
        pair_with_active(pair, old)?;
        let round = Round::begin(pair)?;
        let died = std::thread::scope(|scope| {
            scope.spawn(|| old.sh("ap-mode switchover --timeout 3s", Duration::from_secs(60)));
            sprung(old, step)?;
            old.power_off()
        });
        died.with_context(|| step.to_owned())?;
        // It is alone, or the active of a pair without a standby.
        wait_for("the other one to serve", SETTLED, || {
            let answer = show(new)?;
            Ok(holds(answer.serves() && answer.vip && answer.writable == Some(true) && !answer.protected))
        })
        .with_context(|| step.to_owned())?;
        round.clients.wait_served_by(new, Instant::now(), SETTLED)?;
        old.power_on()?;
        back(pair, old, new).with_context(|| step.to_owned())?;
        let (counts, pause) = round.end(new).with_context(|| step.to_owned())?;
        total.acknowledged += counts.acknowledged;
        total.outage = total.outage.max(Some(pause));
    }
    Ok(total)
}

/// The way back of a node that lost power, by what it says it is.
fn back(pair: &Pair, node: &Node, serving: &Node) -> Result<()> {
    wait_for("the node to have settled", SETTLED, || {
        let answer = show(node)?;
        let left = answer.mode == Mode::M || answer.role == Role::Standby;
        Ok(if left { Seen::Done(()) } else { Seen::Not(format!("{} {}", answer.mode, answer.role)) })
    })?;
    ap_mode(node, if show(node)?.mode == Mode::M { "set ap" } else { "start" })?;
    if show(serving)?.mode == Mode::S {
        ap_mode(serving, "set ap")?;
    }
    pair_with_active(pair, serving)
}

/// The standby loses power in the middle. Before it was promoted for good, the old
/// active takes its role back as soon as the standby answers again; after that, it
/// follows as soon as the standby serves. In between nobody serves, because the
/// standby may have: a write that it acknowledged would be missing here.
fn standby_dies(pair: &Pair) -> Result<Counts> {
    let mut total = Counts::default();
    for (step, decided) in [("Intend(Promote", false), ("Drain", false), ("EndReplication", true), ("Finish", true)] {
        let (old, new) = roles(pair)?;
        set_trap(new, step, "1h")?;
        pair_with_active(pair, old)?;
        let round = Round::begin(pair)?;
        let died = std::thread::scope(|scope| {
            scope.spawn(|| old.sh("ap-mode switchover --timeout 3s", Duration::from_secs(60)));
            sprung(new, step)?;
            new.power_off()
        });
        died.with_context(|| step.to_owned())?;
        let waiting = || -> Result<bool> {
            let answer = show(old)?;
            Ok(answer.fenced && answer.switchover && answer.writable == Some(false) && !answer.vip)
        };
        wait_for("the old active to wait", SETTLED, || Ok(holds(waiting()?))).with_context(|| step.to_owned())?;
        // Longer than any lease: silence alone must not give the role back.
        let until = Instant::now() + Duration::from_secs(6);
        while Instant::now() < until {
            ensure!(waiting()?, "{step}: the old active did not wait: {:?}", show(old)?);
        }
        let said = old.sh("ap-mode status", Duration::from_secs(5))?;
        ensure!(said.code == 2 && said.stdout.contains("hands its role over"), "{said:?}");
        new.power_on()?;
        let serving = if decided { new } else { old };
        if !decided {
            round.clients.wait_served_by(old, Instant::now(), SETTLED).with_context(|| step.to_owned())?;
        }
        ap_mode(new, "start").with_context(|| step.to_owned())?;
        pair_with_active(pair, serving).with_context(|| step.to_owned())?;
        let (counts, pause) = round.end(serving).with_context(|| step.to_owned())?;
        total.acknowledged += counts.acknowledged;
        total.outage = total.outage.max(Some(pause));
    }
    Ok(total)
}
