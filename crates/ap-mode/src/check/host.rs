//! This machine: what else on it could stand in the way.

use super::facts::Denial;
use super::{Facts, Findings, codes};

codes! {
    DENIED "AP110" Critical "a security module refused us something"
        "a check, a promotion or a fence fails when it is needed (F1 to F5)"
    UNATTENDED "AP111" Warning "unattended upgrades may restart keepalived or MariaDB"
        "both nodes upgrade in the same hour: a failover at night, or both down (F8)"
    NEEDRESTART "AP112" Warning "needrestart restarts services by itself"
        "any upgrade of a library is a failover"
    CLUSTER "AP113" Critical "other cluster software runs"
        "two masters of one service: it starts what this toolkit stops"
    FULL "AP114" Critical "hardly any room left"
        "MariaDB stops on a full disk, and a mode that cannot be written down is not entered (F5, F17)"
    ROOM "AP115" Warning "little room left"
        "the binary log fills it while the other node is away (F5, F6)"
    RUN_DIR "AP116" Critical "a directory for events and faults is missing"
        "keepalived reads a missing fault file as good, and no event arrives (F1 to F5)"
}

/// Free bytes below which a disk is as good as full.
const FULL_BELOW: u64 = 64 << 20;
/// Free bytes below which somebody should look; or a tenth.
const LITTLE_BELOW: u64 = 512 << 20;

/// Programs of the pair; what others are refused is not our business.
const OURS: [&str; 8] =
    ["keepalived", "mariadbd", "mysqld", "ap-notify", "ap-mode", "ap-track-nic", "ap-track-api", "ap-track-db"];

pub fn check(facts: &Facts, found: &mut Findings) {
    let host = &facts.host;
    for Denial { module, program, what } in &host.denials {
        let mend = if *module == "SELinux" {
            format!("ausearch -m avc -c {program} | audit2allow -M ap-pair && semodule -i ap-pair.pp")
        } else {
            format!("add the rule to /etc/apparmor.d/local/ for {program}; systemctl reload apparmor")
        };
        found.add(&DENIED, format!("{module}: {program}: {what}"), mend);
    }
    found.need(
        !host.unattended,
        &UNATTENDED,
        "keepalived and mariadb-server are not excepted",
        "printf 'Unattended-Upgrade::Package-Blacklist { \"keepalived\"; \"mariadb-\"; };\\n' >/etc/apt/apt.conf.d/52ap-pair",
    );
    found.need(
        !host.needrestart,
        &NEEDRESTART,
        "$nrconf{restart} is 'a'",
        "echo \"\\$nrconf{restart} = 'l';\" >/etc/needrestart/conf.d/ap-pair.conf",
    );
    for unit in &host.clusters {
        found.add(&CLUSTER, format!("{unit} runs"), format!("systemctl disable --now {unit}"));
    }
    for space in &host.spaces {
        let text = format!("{} MiB left on {} ({})", space.free >> 20, space.path.display(), space.what);
        let mend = format!("df -h {0}; du -xsh {0}/* | sort -h | tail", space.path.display());
        if space.free < FULL_BELOW {
            found.add(&FULL, text, mend);
        } else if space.free < LITTLE_BELOW && space.free < space.total / 10 * 3 || space.free < space.total / 10 {
            found.add(&ROOM, text, mend);
        }
    }
    if facts.installed() {
        for path in &host.missing_dirs {
            found.add(
                &RUN_DIR,
                format!("there is no {}", path.display()),
                "systemd-tmpfiles --create; ap-mode install",
            );
        }
    }
}

/// The refusals in a log that concern us, each once.
pub fn denials(log: &str) -> Vec<Denial> {
    let mut found = Vec::new();
    for line in log.lines() {
        let denial = selinux(line).or_else(|| apparmor(line));
        if let Some(denial) = denial.filter(|denial| OURS.contains(&denial.program.as_str()))
            && !found.contains(&denial)
        {
            found.push(denial);
        }
    }
    found
}

/// `avc:  denied  { read } for  pid=1 comm="keepalived" name="x" ... tclass=file permissive=0`
fn selinux(line: &str) -> Option<Denial> {
    let (_, rest) = line.split_once("avc:")?;
    let (_, rest) = rest.split_once("denied")?;
    let (_, rest) = rest.split_once('{')?;
    let (action, rest) = rest.split_once('}')?;
    // Permissive: it was let do it all the same.
    if rest.contains("permissive=1") {
        return None;
    }
    let object = field(rest, "path").or_else(|| field(rest, "name")).or_else(|| field(rest, "dest")).unwrap_or("?");
    let class = field(rest, "tclass").unwrap_or("object");
    Some(Denial {
        module: "SELinux",
        program: field(rest, "comm")?.into(),
        what: format!("{} {class} {object}", action.trim()),
    })
}

/// `apparmor="DENIED" operation="open" profile="/usr/sbin/mariadbd" name="/x" comm="mariadbd" requested_mask="r"`
fn apparmor(line: &str) -> Option<Denial> {
    let (_, rest) = line.split_once("apparmor=\"DENIED\"")?;
    let object = field(rest, "name").or_else(|| field(rest, "capname")).unwrap_or("?");
    let action = field(rest, "requested_mask").or_else(|| field(rest, "operation")).unwrap_or("use");
    Some(Denial { module: "AppArmor", program: field(rest, "comm")?.into(), what: format!("{action} {object}") })
}

/// The value of `key=value` or `key="value"`.
fn field<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    text.match_indices(key).find_map(|(at, _)| {
        let before = text[..at].chars().last();
        let rest = text[at + key.len()..].strip_prefix('=')?;
        if before.is_some_and(|c| !c.is_whitespace()) {
            return None;
        }
        match rest.strip_prefix('"') {
            Some(rest) => rest.split('"').next(),
            None => rest.split_whitespace().next(),
        }
    })
}

/// Whether apt's configuration upgrades unattended without leaving out keepalived and MariaDB.
pub fn unattended(conf: &str) -> bool {
    let lines = || conf.lines().map(str::trim).filter(|line| !line.starts_with("//") && !line.starts_with('#'));
    let on = lines().rfind(|line| line.starts_with("APT::Periodic::Unattended-Upgrade"));
    let on = on.is_some_and(|line| !line.contains("\"0\""));
    let text: Vec<&str> = lines().collect();
    let text = text.join(" ");
    let list = text.split("Package-Blacklist").skip(1).map(|rest| rest.split("};").next().unwrap_or(rest));
    let list: String = list.collect();
    on && !(list.contains("keepalived") && (list.contains("mariadb") || list.contains("mysql")))
}

/// Whether needrestart's configuration restarts without asking.
pub fn needrestart(conf: &str) -> bool {
    let mut lines = conf.lines().map(str::trim);
    let last = lines.rfind(|line| line.starts_with("$nrconf{restart}"));
    last.is_some_and(|line| line.contains("'a'") || line.contains("\"a\""))
}

#[cfg(test)]
#[path = "host_tests.rs"]
mod tests;
