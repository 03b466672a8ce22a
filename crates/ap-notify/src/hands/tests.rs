//! The hands in a world of stubs: what is urgent waits for nothing, and everything is
//! answered exactly once.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use anyhow::Result;
use ap_core::agent::{Act, Effect, Failure, Input, Kept, Lease, Look, Seen, Site, Tail};
use ap_core::answer::Answer;
use ap_core::event::Event;
use ap_core::exit::Exit;
use ap_core::gtid::{GtidPos, GtidState};
use ap_core::message::Reply;
use ap_core::mode::{Fault, Service, Vrrp};
use ap_core::observed::{DbStatus, Gateway, UnitState};
use ap_core::state::State;
use ap_core::verdict::Verdict;
use ap_db::fake::FakeDb;
use ap_net::fake::FakeNet;
use ap_net::{Changes, Net, Nics, Question};
use ap_systemd::fake::FakeUnits;
use ap_systemd::{FileChange, Units};

use super::Hands;
use crate::adapters::{Adapters, Data, Files, Mark, Programs, refused};

/// Longest wait for what happens at once; a hang lasts until the test ends it.
const SOON: Duration = Duration::from_secs(10);
/// A question that hangs.
const SLOW: Duration = Duration::from_millis(300);
/// One that does not.
const QUICK: Duration = Duration::from_millis(100);

const CONFIG: &str = "vip = \"192.0.2.10\"\n[[host]]\nname = \"one\"\naddress = \"192.0.2.11\"\nnic = \"eth0\"\n\
     [[host]]\nname = \"two\"\naddress = \"192.0.2.12\"\nnic = \"eth0\"\n[api]\nunit = \"api.service\"\n";
const ANSWER: &str = r#"{"host":"two","codename":"ap","version":"0.1.0","mode":"ap","role":"standby",
"epoch":3,"solo":false,"fenced":false,"promoting":false,"grant":null,"lease":true,"relay":"","vrrp":"BACKUP",
"vip":false,"gateway":"answers","writable":false,"db-version":"10.11","binlog-pos":"0-1-4",
"slave-pos":"0-1-4","io-pos":"0-1-4","binlog-state":"0-1-4","user-tables":1,"replicating":true,
"doing":"","since":"","who":"","why":"","protected":true,"protection":""}"#;

/// What hangs as long as it is shut.
#[derive(Default)]
struct Gate {
    shut: Mutex<bool>,
    opened: Condvar,
}

impl Gate {
    fn set(&self, shut: bool) {
        *self.shut.lock().unwrap() = shut;
        self.opened.notify_all();
    }

    fn pass(&self) {
        drop(self.opened.wait_while(self.shut.lock().unwrap(), |shut| *shut).unwrap());
    }
}

/// A world in which everything goes well at once, unless its gate is shut.
#[derive(Default)]
struct World {
    gate: Gate,
    units: FakeUnits,
    net: FakeNet,
    faults: Mutex<Vec<Fault>>,
    history: Mutex<Vec<String>>,
}

impl Units for World {
    fn start(&self, unit: &str, deadline: Duration) -> Result<()> {
        self.units.start(unit, deadline)
    }
    fn stop(&self, unit: &str, deadline: Duration) -> Result<()> {
        self.units.stop(unit, deadline)
    }
    fn restart(&self, unit: &str, deadline: Duration) -> Result<()> {
        self.units.restart(unit, deadline)
    }
    fn fence(&self, unit: &str, deadline: Duration) -> Result<()> {
        self.units.fence(unit, deadline)
    }
    fn unit_files(&self, changes: &[(FileChange, &[&str])]) -> Result<()> {
        self.units.unit_files(changes)
    }
    fn reset_failed(&self, unit: &str) -> Result<()> {
        self.units.reset_failed(unit)
    }
    fn states(&self, units: &[&str]) -> Result<Vec<UnitState>> {
        self.gate.pass();
        self.units.states(units)
    }
    fn shutting_down(&self) -> Result<bool> {
        self.units.shutting_down()
    }
}

impl Net for World {
    fn nics(&self) -> Result<Nics> {
        self.net.nics()
    }
    fn add_address(&self, _: &str, _: Ipv4Addr) -> Result<()> {
        Ok(())
    }
    fn remove_address(&self, _: &str, _: Ipv4Addr) -> Result<()> {
        Ok(())
    }
    fn block(&self, host: Ipv4Addr) -> Result<()> {
        self.net.block(host)
    }
    fn unblock(&self, host: Ipv4Addr) -> Result<()> {
        self.net.unblock(host)
    }
    fn ask(&self, question: &Question<'_>) -> Result<Answer> {
        if question.deadline == SLOW {
            self.gate.pass();
        }
        Ok(answer())
    }
    fn gateway(&self, witnesses: &[IpAddr], own: Ipv4Addr, deadline: Duration) -> Gateway {
        self.net.gateway(witnesses, own, deadline)
    }
    fn watch(&self) -> Result<Box<dyn Changes>> {
        self.net.watch()
    }
}

impl Files for World {
    fn state(&self) -> Result<State> {
        Ok(State::fresh())
    }
    fn kept(&self) -> Result<Kept> {
        Err(refused("nothing is kept here", "nothing"))
    }
    fn save(&self, _: &State) -> Result<()> {
        Err(std::io::Error::from(std::io::ErrorKind::StorageFull).into())
    }
    fn set_fault(&self, fault: Fault, _: bool) -> Result<()> {
        self.faults.lock().unwrap().push(fault);
        Ok(())
    }
    fn faults(&self) -> Vec<Fault> {
        self.faults.lock().unwrap().clone()
    }
    fn checks(&self) -> BTreeMap<String, (Verdict, Duration)> {
        BTreeMap::new()
    }
    fn keep_vrrp(&self, _: Vrrp) -> Result<()> {
        Ok(())
    }
    fn keep_started(&self, _: bool) -> Result<()> {
        Ok(())
    }
    fn keep_lease(&self, _: Option<&Lease>) -> Result<()> {
        Ok(())
    }
    fn keep_peer(&self, _: &Answer) -> Result<()> {
        Ok(())
    }
    fn process(&self, pid_file: &str) -> Option<String> {
        Some(format!("boot-{pid_file}"))
    }
    fn append(&self, line: &str) -> Result<()> {
        self.gate.pass();
        self.history.lock().unwrap().push(line.to_owned());
        Ok(())
    }
    fn reply(&self, _: &str, _: &Reply) -> Result<()> {
        Ok(())
    }
}

impl Programs for World {
    fn check_api(&self) -> Result<()> {
        Ok(())
    }
    fn alert(&self, _: &str) -> Result<()> {
        Ok(())
    }
    fn fence(&self, _: &[String]) -> Result<()> {
        Ok(())
    }
}

impl Data for World {
    fn mark(&self) -> Mark {
        Mark::Copied
    }
    fn save_tail(&self, _: &Tail) -> Result<String> {
        Ok("they are kept in /tail".into())
    }
    fn save_relay_logs(&self, _: &GtidPos) -> Result<Option<PathBuf>> {
        Ok(None)
    }
    fn truncate_at_start(&self, _: bool) -> Result<String> {
        Ok(String::new())
    }
    fn reseed(&self, tell: &dyn Fn(String)) -> Result<()> {
        tell("half".into());
        Err(refused("no backup", "make one").context("failed to copy"))
    }
}

fn answer() -> Answer {
    serde_json::from_str(ANSWER).unwrap()
}

fn hands() -> (Arc<World>, Hands, Receiver<Input>) {
    let config = ap_core::config::parse(CONFIG, "test").unwrap();
    let (own, peer) = (config.host[0].clone(), config.host[1].clone());
    let site = Site { config, own, peer, replication_user: "r".into(), replication_password: "p".into() };
    let world = Arc::new(World {
        units: FakeUnits::new(&["mariadb.service", "api.service", "keepalived.service"]),
        ..World::default()
    });
    let adapters = Adapters {
        units: world.clone(),
        glance: world.clone(),
        database: Arc::new(|| Box::new(FakeDb::new(DbStatus { pid_file: "7".into(), ..DbStatus::default() }))),
        net: world.clone(),
        files: world.clone(),
        programs: world.clone(),
        data: world.clone(),
    };
    let (inputs, receiver): (Sender<Input>, _) = channel();
    (world, Hands::start(Arc::new(site), adapters, inputs).unwrap(), receiver)
}

fn event(outcome: &str) -> Event {
    Event { cause: "c".into(), outcome: outcome.into(), ..Event::default() }
}

#[test]
fn nothing_urgent_waits_behind_what_hangs() {
    let (world, mut hands, inputs) = hands();
    let moment = Duration::from_millis;
    world.gate.set(true);
    for effect in [
        Effect::Look { at: moment(1), what: Look::Units { patient: false } },
        Effect::Record(event("done")),
        Effect::Log("behind it".into()),
        Effect::Ask { asked: moment(1), deadline: SLOW },
    ] {
        assert_eq!(hands.carry_out(effect), None);
    }
    let ended = hands.carry_out(Effect::Act { ticket: 1, act: Act::Fault(Fault::Role, true) });
    assert_eq!(ended, Some(Input::Ended { ticket: 1, result: Ok(String::new()) }));
    assert_eq!(*world.faults.lock().unwrap(), [Fault::Role]);
    assert_eq!(&*hands.published().line(), "");
    hands.carry_out(Effect::Publish(Box::new(answer())));
    let line = hands.published().line();
    assert!(line.ends_with("}\n") && line.matches('\n').count() == 1, "{line}");
    hands.carry_out(Effect::Ask { asked: moment(2), deadline: QUICK });
    let heard = inputs.recv_timeout(SOON).unwrap();
    assert_eq!(heard, Input::Heard { asked: moment(2), answer: Ok(Box::new(answer())) });
    hands.carry_out(Effect::Act { ticket: 2, act: Act::Kill { service: Service::Database, limit: QUICK } });
    let killed = inputs.recv_timeout(SOON).unwrap();
    assert!(matches!(killed, Input::Ended { ticket: 2, .. }), "{killed:?}");
    // What hung ends, once.
    world.gate.set(false);
    let mut late: Vec<Input> = (0..3).map(|_| inputs.recv_timeout(SOON).unwrap()).collect();
    late.retain(|input| match input {
        Input::Heard { asked, .. } | Input::Seen { at: asked, .. } => *asked != moment(1),
        Input::Recorded(brief) => brief.cause != "c" || brief.at.is_empty(),
        _ => true,
    });
    assert_eq!(late, []);
    drop(hands);
    assert!(inputs.recv_timeout(SOON).is_err(), "something was answered twice");
}

/// Everything that is answered, but for acts that are carried out in passing.
fn orders() -> Vec<Act> {
    let (position, service) = (GtidPos::default(), Service::Api);
    vec![
        Act::Save(Box::new(State::fresh())),
        Act::Started(true),
        Act::Sql { statements: Vec::new(), limit: QUICK },
        Act::WaitApplied { position: position.clone(), slice: QUICK },
        Act::Kill { service, limit: QUICK },
        Act::Start { service, limit: QUICK },
        Act::Stop { service, limit: QUICK },
        Act::UnitFiles(vec![(FileChange::Disable, vec!["api.service".into()])]),
        Act::TruncateAtStart(true),
        Act::Vip(true),
        Act::Unreachable(true),
        Act::Fence(vec!["true".into()]),
        Act::DataMark,
        Act::SaveTail(Tail::Own(GtidState::default())),
        Act::SaveRelayLogs(position),
        Act::Reseed,
    ]
}

#[test]
fn everything_is_answered_exactly_once() {
    let (_, mut hands, inputs) = hands();
    let looks = [
        Look::Database,
        Look::Gateway,
        Look::Units { patient: true },
        Look::Vip,
        Look::Faults,
        Look::Api,
        Look::Checks,
    ];
    for (ticket, act) in (0..).zip(orders()) {
        assert_eq!(hands.carry_out(Effect::Act { ticket, act }), None);
    }
    for (at, what) in (0..).map(Duration::from_millis).zip(looks) {
        hands.carry_out(Effect::Look { at, what });
    }
    let lease = Some((SOON, "relay".to_owned()));
    for effect in [Effect::KeepLease(lease.clone()), Effect::Record(event("heard")), Effect::Record(event("failed"))] {
        hands.carry_out(effect);
    }
    drop(hands);
    let (mut ended, mut seen, mut others) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
    // The channel closes when all threads have ended.
    while let Ok(input) = inputs.recv_timeout(SOON) {
        match input {
            Input::Ended { ticket, result } => assert!(ended.insert(ticket, result).is_none(), "{ticket} twice"),
            Input::Seen { at, what } => assert!(seen.insert(at, what).is_none(), "{at:?} twice"),
            other => others.push(other),
        }
    }
    assert_eq!((ended.len(), seen.len()), (orders().len(), looks.len()), "{ended:?} {seen:?}");
    let failed: Vec<_> = ended.values().filter_map(|result| result.as_ref().err()).collect();
    let full = Failure::new(Exit::CannotWrite, std::io::Error::from(std::io::ErrorKind::StorageFull).to_string());
    assert_eq!(failed, [&full, &Failure::refused("failed to copy: no backup", "make one")]);
    assert_eq!(ended[&12], Ok("copied".into()));
    assert!(matches!(&seen[&Duration::ZERO], Seen::Database { process: Some(name), .. } if name == "boot-7"));
    assert_eq!(others.len(), 3, "{others:?}");
    assert!(others.contains(&Input::LeaseKept(Ok(lease))) && others.contains(&Input::Progress("half".into())));
}
