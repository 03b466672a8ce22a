//! keepalived: what it would make of its configuration.

use super::configuration::insecure_part;
use super::keepalived_conf::{Conf, Instance};
use super::{Facts, Findings, codes};
use crate::install::render::Version;

codes! {
    MISSING "AP020" Critical "keepalived is not installed"
        "nobody holds the address, nobody takes it over"
    OLD "AP021" Critical "keepalived is older than 2.1"
        "it does not know what install writes"
    REFUSED "AP022" Critical "keepalived refuses its configuration"
        "it ends at the next start: after a reboot or a failover nobody holds the address (F1 to F5)"
    WEIGHT "AP023" Critical "a check has a weight"
        "with nopreempt a weight means no failover at all (F2 to F5)"
    SCRIPT "AP024" Critical "keepalived will not run a check"
        "it silently drops one that is missing or insecure: the address stays on a dead node (F2 to F5)"
    SECURITY "AP025" Warning "script security is off"
        "keepalived would run, as root, what others than root may replace"
    SCRIPT_USER "AP026" Critical "the checks do not run as root"
        "they cannot read the credentials; keepalived 2.2.7 cannot even test its configuration"
    PREFIX "AP027" Critical "the virtual address is no /32"
        "in the hosts' own network it vanishes with the host's own address (F2, F14)"
    PREEMPT "AP028" Critical "a node that comes back would take the address back"
        "the failed node pre-empts when it returns, with old data (F1, F10)"
    HOOK "AP029" Critical "keepalived does not tell ap-notify"
        "nobody makes the database fit keepalived's decision: a standby is never promoted (F1 to F5)"
    TRACK_FILE "AP030" Critical "a fault file is not watched, or has a weight"
        "the node keeps the address although it may not (F5, F9, F18)"
    STRICT "AP031" Critical "vrrp_strict is on"
        "it forbids unicast: the two nodes do not hear each other (F19)"
    NO_CHECK "AP032" Critical "a check is not tracked"
        "what it looks at may die and the address stays (F2, F4, F5)"
    SLOW "AP033" Warning "a check may take longer than the time between two"
        "runs pile up before keepalived 2.3.3, and a hung check is noticed late (F4, F5)"
    STALE "AP034" Warning "keepalived runs with its former configuration"
        "the change comes with the next restart, in the middle of a failure"
}

const FORCE: &str = "ap-mode install --force; systemctl reload keepalived";

pub fn check(facts: &Facts, found: &mut Findings) {
    let keepalived = &facts.keepalived;
    let unit = &facts.config.keepalived.unit;
    match &keepalived.version {
        Err(error) => return found.add(&MISSING, error, "apt install keepalived"),
        Ok(version) => found.need(
            *version >= Version(2, 1, 0),
            &OLD,
            format!("keepalived is {version}"),
            "install keepalived 2.1 or later: Debian 11 and later have it",
        ),
    }
    // Whatever is there before install is somebody else's, and not in use.
    let (true, Some(conf)) = (facts.installed(), &keepalived.conf) else { return };
    if let Err(error) = &keepalived.verdict {
        found.add(&REFUSED, error, FORCE);
    }
    found.need(
        !keepalived.stale,
        &STALE,
        format!("{} was changed after {unit} read it", facts.config.keepalived.config.display()),
        format!("systemctl reload {unit}, on the standby first"),
    );
    globals(facts, conf, found);
    scripts(facts, conf, found);
    for instance in &conf.instances {
        router(facts, conf, instance, found);
    }
}

fn globals(facts: &Facts, conf: &Conf, found: &mut Findings) {
    found.need(conf.script_security, &SECURITY, "enable_script_security is not set", FORCE);
    let user = conf.script_user.as_deref().or(facts.keepalived.script_user.then_some("keepalived_script"));
    found.need(
        user.is_none_or(|user| user == "root"),
        &SCRIPT_USER,
        format!("checks run as {}", user.unwrap_or_default()),
        FORCE,
    );
    found.need(
        !(conf.strict && conf.instances.iter().any(|instance| instance.unicast)),
        &STRICT,
        "vrrp_strict and unicast_peer are both set",
        FORCE,
    );
    let fifo = conf.fifo.as_deref().is_some_and(|fifo| std::path::Path::new(fifo) == facts.config.fifo());
    let hook = conf
        .instances
        .iter()
        .all(|instance| instance.notify.as_deref().is_some_and(|program| program.ends_with("/ap-notify")));
    found.need(
        fifo || hook,
        &HOOK,
        format!("neither events into {} nor a notify program", facts.config.fifo().display()),
        FORCE,
    );
}

fn scripts(facts: &Facts, conf: &Conf, found: &mut Findings) {
    for script in &conf.scripts {
        found.need(
            script.weight == 0,
            &WEIGHT,
            format!("vrrp_script {} has weight {}", script.name, script.weight),
            FORCE,
        );
        found.need(
            script.timeout < script.interval,
            &SLOW,
            format!(
                "vrrp_script {}: timeout {} ms, interval {} ms",
                script.name,
                script.timeout / 1000,
                script.interval / 1000
            ),
            FORCE,
        );
    }
    for (program, wrong) in &facts.keepalived.scripts {
        if let Some(wrong) = wrong {
            let mend = if wrong.contains("may be changed") {
                format!("chown root:root {0}; chmod go-w {0}", insecure_part(wrong))
            } else {
                "apt install --reinstall ./ap-pair_*.deb; ap-mode install".to_owned()
            };
            found.add(&SCRIPT, format!("{program}: {wrong}"), mend);
        }
    }
}

fn router(facts: &Facts, conf: &Conf, instance: &Instance, found: &mut Findings) {
    let name = &instance.name;
    for (tracked, weight) in instance.scripts.iter().chain(&instance.files) {
        if let Some(weight) = weight.filter(|weight| *weight != 0) {
            found.add(&WEIGHT, format!("vrrp_instance {name} tracks {tracked} with weight {weight}"), FORCE);
        }
    }
    let vip = facts.config.vip.to_string();
    for address in &instance.addresses {
        let (address, prefix) = address.split_once('/').unwrap_or((address, "32"));
        found.need(
            address != vip || prefix == "32",
            &PREFIX,
            format!("vrrp_instance {name}: {address}/{prefix}"),
            FORCE,
        );
    }
    found.need(
        instance.nopreempt && instance.state != "MASTER",
        &PREEMPT,
        format!("vrrp_instance {name}: state {}, nopreempt {}", instance.state, instance.nopreempt),
        FORCE,
    );
    // Named after the programs, whatever the checks themselves are called.
    for wanted in ["ap-track-nic", "ap-track-api", "ap-track-db"] {
        let tracked = conf.scripts.iter().any(|script| {
            script.program.ends_with(&format!("/{wanted}"))
                && instance.scripts.iter().any(|(name, _)| *name == script.name)
        });
        found.need(tracked, &NO_CHECK, format!("vrrp_instance {name} does not track {wanted}"), FORCE);
    }
    for fault in ["db", "api", "role"] {
        let path = facts.config.run_dir().join("fault").join(fault);
        let file = conf.files.iter().find(|file| std::path::Path::new(&file.path) == path);
        let tracked = file.filter(|file| instance.files.iter().any(|(name, _)| *name == file.name));
        let wrong = match tracked {
            None => "is not tracked".to_owned(),
            Some(file) if file.weight != 0 => format!("has weight {}", file.weight),
            Some(_) => continue,
        };
        found.add(&TRACK_FILE, format!("{} {wrong} in vrrp_instance {name}", path.display()), FORCE);
    }
}
