//! Units: whether only what should can start the services, and ap-notify can act.

use ap_core::mode::{Mode, Service};

use super::facts::Unit;
use super::{Facts, Findings, codes};
use crate::install::render::{PEER, QUEUE, SERVICE};

codes! {
    SYSTEMD "AP070" Critical "systemd does not answer"
        "no service can be stopped, started or masked: a failed active stays in place (F17)"
    NO_UNIT "AP071" Critical "a service has no unit"
        "it cannot be started when this node has to serve (F1 to F5)"
    ENABLED "AP072" Critical "a service starts by itself at boot"
        "a node that comes back may serve old data before anybody asked (F1, F8, F9, F10)"
    START_UNIT "AP073" Warning "the start unit does not fit the mode"
        "mode s does not come back after a reboot, or mode ap starts without its peer's word (F1, F8)"
    MASKED "AP074" Critical "a service is masked outside maintenance"
        "it cannot be started when this node has to serve (F1 to F5)"
    NOT_MASKED "AP075" Critical "a service is not masked in maintenance"
        "anything may start it by accident, with old data (F9, F10)"
    DEAF "AP076" Critical "ap-notify does not run, or would not after a reboot"
        "nobody acts on a failure, and the peer gets no answer (F1 to F5, F12)"
    DROP_IN "AP077" Critical "a service runs without our drop-in"
        "its death is noticed seconds later, a dying active is not fenced, a killed keepalived leaves the address behind (F3, F4, F5)"
    RESTART "AP078" Critical "systemd would restart a service by itself"
        "a dead database comes back and recovers, as written, what nobody acknowledged (F5)"
    RELOAD "AP079" Warning "systemd has not read a changed unit file"
        "the change comes with the next reload, in the middle of a failure"
    UNMASKABLE "AP080" Critical "a unit cannot be masked"
        "maintenance could not keep it from starting (F1, F10)"
    TRIGGERED "AP081" Warning "something else starts a service"
        "a database that was fenced or stopped comes back at the first connection (F1, F5)"
    DOWN "AP082" Critical "a service is down that should run"
        "this node does not serve, or could not take over"
}

const NOTIFY: [&str; 3] = [SERVICE, QUEUE, PEER];

pub fn check(facts: &Facts, found: &mut Findings) {
    let units = match &facts.units {
        Ok(units) => units,
        Err(error) => return found.add(&SYSTEMD, error, "systemctl status; systemctl daemon-reexec"),
    };
    let get = |name: &str| units.get(name).cloned().unwrap_or_default();
    for service in [Service::Database, Service::Api, Service::Keepalived] {
        let name = facts.config.unit(service);
        let unit = get(name);
        if unit.load == "not-found" || unit.load.is_empty() {
            found.add(
                &NO_UNIT,
                format!("there is no {name}"),
                format!("systemctl cat {name}; [{service}] unit in {}", facts.path.display()),
            );
            continue;
        }
        found.need(
            !unit.fragment.starts_with("/etc/systemd/system/") || unit.file == "masked",
            &UNMASKABLE,
            format!("{} lies where a mask would", unit.fragment),
            format!("mv {} /usr/local/lib/systemd/system/; systemctl daemon-reload", unit.fragment),
        );
        if facts.set_up().is_some() {
            service_unit(facts, service, name, &unit, found);
        }
    }
    if facts.installed() {
        for name in NOTIFY {
            let unit = get(name);
            found.need(
                unit.active == "active" && unit.file == "enabled",
                &DEAF,
                format!(
                    "{name} is {}, {}",
                    unit.active,
                    if unit.file.is_empty() { "no such unit" } else { &unit.file }
                ),
                format!("systemctl enable --now {name}"),
            );
        }
    }
    if let Some(state) = facts.set_up() {
        let name = facts.config.start_unit();
        let (wanted, mend) = match state.mode {
            Mode::S => ("enabled", format!("systemctl unmask {name}; systemctl enable {name}")),
            Mode::Ap => ("disabled", format!("systemctl unmask {name}; systemctl disable {name}")),
            Mode::M => ("masked", format!("systemctl mask {name}")),
        };
        let is = get(&name).file;
        let text = format!("{name} is {is}, in mode {} it should be {wanted}", state.mode);
        found.need(is == wanted, &START_UNIT, text, mend);
    }
    // Of a masked unit systemd says so for ever: its file is /dev/null.
    for (name, unit) in units.iter().filter(|(_, unit)| unit.reload && unit.file != "masked") {
        let at = if unit.fragment.is_empty() { name } else { &unit.fragment };
        found.add(&RELOAD, format!("the files of {name} changed ({at})"), "systemctl daemon-reload");
    }
}

/// One service of a node that an operator has set up.
fn service_unit(facts: &Facts, service: Service, name: &str, unit: &Unit, found: &mut Findings) {
    let Some(state) = facts.set_up() else { return };
    let masked = unit.file == "masked";
    found.need(
        !unit.file.starts_with("enabled"),
        &ENABLED,
        format!("{name} is {}", unit.file),
        format!("systemctl disable {name}"),
    );
    if state.mode == Mode::M {
        found.need(masked, &NOT_MASKED, format!("{name} is {} in mode m", unit.file), "ap-mode set m");
        return;
    }
    found.need(
        !masked,
        &MASKED,
        format!("{name} is masked in mode {}", state.mode),
        format!("systemctl unmask {name}; ap-mode start"),
    );
    if masked {
        return;
    }
    found.need(
        unit.drop_ins.iter().any(|path| path.ends_with("/50-ap.conf")),
        &DROP_IN,
        format!("{name} has not read its 50-ap.conf"),
        "ap-mode install; systemctl daemon-reload",
    );
    found.need(
        unit.restart == "no",
        &RESTART,
        format!("{name} has Restart={} from one of {}", unit.restart, unit.drop_ins.join(", ")),
        format!("systemctl cat {name} | grep -n Restart; remove it; systemctl daemon-reload"),
    );
    found.need(
        unit.triggered_by.is_empty(),
        &TRIGGERED,
        format!("{name} is started by {}", unit.triggered_by.join(", ")),
        format!("systemctl mask --now {}", unit.triggered_by.join(" ")),
    );
    // keepalived on purpose last: with one of the others down, it gives the address away by itself.
    found.need(
        !facts.started() || unit.active == "active" || unit.active == "reloading",
        &DOWN,
        format!("{name} ({service}) is {}", unit.active),
        format!("journalctl -u {name} -n 50; ap-mode start"),
    );
}
