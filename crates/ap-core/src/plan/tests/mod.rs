//! The user's tables as tests: (mode, role, solo, event) -> plan.

mod events;
mod guards;
mod looks;
mod modes;
mod node;
mod resume;
mod switchover;

use super::{Cause, Plan, plan};
use crate::message::{Request, Verb};
use crate::mode::{Mode, Role, Service, Vrrp};
use crate::observed::Observed;
use crate::state::Intention;
use crate::step::Step;

/// Whatever keepalived or systemd can say.
const FAULT: Cause = Cause::Vrrp(Vrrp::Fault);
const STOP: Cause = Cause::Vrrp(Vrrp::Stop);
const MASTER: Cause = Cause::Vrrp(Vrrp::Master);
const BACKUP: Cause = Cause::Vrrp(Vrrp::Backup);
const LOOK: Cause = Cause::Look;
const GONE: Cause = Cause::Gone(Service::Keepalived);

/// A request of the operator at the keyboard.
fn request(verb: Verb, force: bool) -> Request {
    Request { id: "1".into(), who: "operator root".into(), why: String::new(), verb, force, dry_run: false }
}

fn ask(verb: Verb) -> Cause {
    Cause::Request(request(verb, false))
}

fn force(verb: Verb) -> Cause {
    Cause::Request(request(verb, true))
}

/// `set MODE`.
fn set(mode: Mode) -> Verb {
    Verb::Set { mode, role: None, reseed: false }
}

/// `set ap --role active`.
fn first() -> Verb {
    Verb::Set { mode: Mode::Ap, role: Some(Role::Active), reseed: false }
}

/// `set ap --reseed`.
fn reseed() -> Verb {
    Verb::Set { mode: Mode::Ap, role: None, reseed: true }
}

/// A step as a word or two.
fn word(step: &Step) -> String {
    match step {
        Step::Intend(Intention::Promote { epoch }) => format!("intend-promote({epoch})"),
        Step::Intend(Intention::Leave { .. }) => "intend-leave".into(),
        Step::Intend(Intention::Request { .. }) => "intend-request".into(),
        Step::Become { mode, role, epoch, solo } => {
            format!("{mode}({role},{epoch}{})", if *solo { ",solo" } else { "" })
        }
        Step::Fault(fault, on) => format!("{}{fault}", if *on { '+' } else { '-' }),
        Step::Claim => "claim".into(),
        Step::Started(on) => if *on { "started" } else { "stopped" }.into(),
        Step::Start(service) => format!("start-{service}"),
        Step::Stop(service) => format!("stop-{service}"),
        Step::UnitFiles(mode) => format!("files-{mode}"),
        Step::SemiSync(on) => format!("semi-sync-{}", if *on { "on" } else { "off" }),
        Step::Alert(_) => "alert".into(),
        step => format!("{step:?}"),
    }
}

/// A plan in a line: `nothing`, `leave`, `refuse` and its steps, or the steps.
/// The intention and the end of a request are left out: every request has them.
fn line(plan: &Plan) -> String {
    let words = |steps: &[Step]| {
        let words: Vec<String> = steps.iter().map(word).collect();
        let shown = words.iter().filter(|word| !matches!(word.as_str(), "intend-request" | "alert" | "Finish"));
        shown.cloned().collect::<Vec<_>>().join(" ")
    };
    match plan {
        Plan::Nothing(_) => "nothing".into(),
        Plan::Act { steps, .. } if leaves(steps) => "leave".into(),
        Plan::Act { steps, .. } => words(steps),
        Plan::Refuse(refusal) if leaves(&refusal.steps) => "refuse, leave".into(),
        Plan::Refuse(refusal) => format!("refuse {}", words(&refusal.steps)).trim().to_owned(),
    }
}

fn leaves(steps: &[Step]) -> bool {
    steps.iter().any(|step| matches!(step, Step::Intend(Intention::Leave { .. })))
}

/// Asserts each row: what the node is, what happens, what is planned.
fn check(table: Vec<(&str, Observed, Cause, &str)>) {
    for (name, observed, cause, expected) in table {
        assert_eq!(line(&plan(&cause, &observed)), expected, "{name}: {cause}");
    }
}

/// Evidence and way of a refusal.
fn refusal(cause: &Cause, observed: &Observed) -> (String, String) {
    match plan(cause, observed) {
        Plan::Refuse(refusal) => (refusal.evidence, refusal.way),
        other => panic!("{cause}: not refused: {other:?}"),
    }
}
