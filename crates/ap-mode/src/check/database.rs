//! MariaDB: settings, accounts, tables, and whatever ends a commit that waits.

use std::collections::BTreeSet;

use ap_core::mode::Role;
use ap_core::sql::{FOREVER_MS, local_rights, replication_rights};

use super::facts::{Server, Whose};
use super::{Facts, Findings, codes};

codes! {
    SILENT "AP040" Critical "the database does not answer"
        "this node does not serve, or could not take over (F5)"
    OLD "AP041" Critical "MariaDB is older than 10.5, or is no MariaDB"
        "accounts and settings of this toolkit do not work on it"
    WRITABLE_START "AP042" Critical "the database starts writable"
        "a node that comes back takes writes before anybody asked (F1, F8, F10)"
    STRICT "AP043" Critical "gtid_strict_mode is off"
        "histories fork unnoticed: a stale node passes for a good one (F9, F10, F21)"
    CHAIN "AP044" Critical "there is no binary log of everything"
        "the survivor could not feed the node that comes back"
    DURABLE "AP045" Critical "a commit may be lost by a power failure"
        "what was acknowledged is gone after F1 or F8"
    ROW "AP046" Warning "binlog_format is not ROW"
        "statements may give other results on the standby"
    SAME_ID "AP047" Critical "both servers have the same server_id"
        "the standby skips the active's transactions as its own: nothing is replicated (F1 to F5)"
    TRUNCATES "AP048" Critical "rpl_semi_sync_slave_enabled is set in a file"
        "crash recovery cuts the binary log of a node that had been alone: acknowledged writes are lost (F5, F9)"
    GIVES_UP "AP049" Critical "MariaDB goes on alone by itself"
        "writes are acknowledged that the standby does not have, and it may still promote (F7, F11, F18)"
    WAIT_POINT "AP050" Critical "semi-sync waits after the commit"
        "others read what a failover then loses (F1 to F5)"
    STARTS_REPLICA "AP051" Critical "replication starts by itself"
        "starting it deletes the relay log, acknowledged writes and all (F21)"
    REPLICAS "AP052" Critical "more than one semi-sync replica"
        "a commit may be acknowledged by one that never takes over (F1 to F5)"
    FEW_RIGHTS "AP053" Critical "an account of ours has too few rights"
        "a promotion or a rejoin stops half-way (F1 to F5)"
    MANY_RIGHTS "AP054" Warning "an account of ours has rights it does not need"
        "whoever reads the credentials can do more than they should"
    UNBOUND "AP055" Warning "accounts that read_only does not bind"
        "a write on the standby forks the history and stops replication (F21)"
    KILL "AP056" Critical "something ends statements with KILL"
        "MariaDB answers OK to a commit that was ended so while it waited for the standby: the write is lost by the next failover"
    ENGINE "AP057" Warning "tables that are not InnoDB"
        "they do not survive a crash, and an unacknowledged write to them cannot be rolled back (F1, F5)"
    NO_KEY "AP058" Warning "tables without a primary key"
        "the standby searches the whole table for each row: it lags, and takes long to serve (F11)"
    FILTER "AP059" Critical "replication is filtered"
        "what is filtered is missing on the survivor"
    LOCAL_ONLY "AP060" Critical "the database listens on loopback only"
        "the standby cannot replicate: no protection"
    NO_TAKING_BACK "AP061" Warning "MariaDB cannot take back what was never acknowledged"
        "a node that fails while commits wait comes back only with a copy of all data (F1, F2)"
}

/// The variables that are looked at.
pub const VARIABLES: [&str; 13] = [
    "gtid_strict_mode",
    "log_slave_updates",
    "log_bin",
    "sync_binlog",
    "innodb_flush_log_at_trx_commit",
    "binlog_format",
    "server_id",
    "rpl_semi_sync_master_timeout",
    "rpl_semi_sync_master_wait_point",
    "replicate_do_db",
    "replicate_ignore_db",
    "replicate_do_table",
    "replicate_ignore_table",
];

/// Options that leave out a part of what is written, in an option file.
const FILTERS: [&str; 9] = [
    "binlog_do_db",
    "binlog_ignore_db",
    "replicate_do_db",
    "replicate_ignore_db",
    "replicate_do_table",
    "replicate_ignore_table",
    "replicate_wild_do_table",
    "replicate_wild_ignore_table",
    "replicate_rewrite_db",
];

const AGAIN: &str = "ap-mode install --force; the next ap-mode set or restart takes it over";
const ROOT: &str = "SET SESSION sql_log_bin=0";

pub fn check(facts: &Facts, found: &mut Findings) {
    if facts.installed() {
        options(facts, found);
    }
    match &facts.database.server {
        Ok(server) => {
            if !supported(server) {
                let text = format!("the server says {}", server.version);
                return found.add(&OLD, text, "install mariadb-server 10.5 or later");
            }
            if facts.set_up().is_some() {
                settings(facts, server, found);
            }
            if facts.installed() {
                accounts(facts, server, found);
            }
            contents(server, found);
            found.need(
                ap_db::Release::find(&server.version).is_some_and(ap_db::Release::takes_back),
                &NO_TAKING_BACK,
                format!("this is {}", server.version),
                "upgrade to MariaDB 10.6.19, 10.11.9, 11.4.3 or later; until then, where ap-mode set ap is refused: \
                 ap-mode set ap --reseed",
            );
        }
        Err(error) if facts.started() => {
            let unit = &facts.config.database.unit;
            found.add(&SILENT, error, format!("systemctl status {unit}; journalctl -u {unit} -n 50"));
        }
        Err(_) => {}
    }
    for name in &facts.host.killers {
        found.add(&KILL, format!("{name} runs on this host"), "stop it; max_statement_time is safe");
    }
}

/// What the server will be after its next start.
fn options(facts: &Facts, found: &mut Findings) {
    let Ok(options) = &facts.database.options else { return };
    let last = |name: &str| options.iter().rfind(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let on = |name: &str| last(name).is_some_and(is_on);
    let where_from = "my_print_defaults --mysqld shows all of them in order, the last one counts";
    found.need(on("read_only"), &WRITABLE_START, "no option file sets read_only", format!("{AGAIN}; {where_from}"));
    found.need(
        on("skip_slave_start"),
        &STARTS_REPLICA,
        "no option file sets skip_slave_start",
        format!("{AGAIN}; {where_from}"),
    );
    found.need(
        !on("rpl_semi_sync_slave_enabled"),
        &TRUNCATES,
        "an option file sets rpl_semi_sync_slave_enabled",
        "grep -rn rpl_semi_sync_slave_enabled /etc/mysql; remove it: ap-notify sets it at run time",
    );
    for (key, value) in options.iter().filter(|(key, _)| FILTERS.contains(&key.as_str())) {
        found.add(
            &FILTER,
            format!("an option file sets {key} = {value}"),
            format!("grep -rn {} /etc/mysql; remove it", key.replace('_', "[-_]")),
        );
    }
    let address = last("bind_address");
    found.need(
        !address.is_some_and(|address| matches!(address, "127.0.0.1" | "::1" | "localhost")),
        &LOCAL_ONLY,
        format!("bind_address = {}", address.unwrap_or_default()),
        format!("{AGAIN}; {where_from}"),
    );
    // What else install writes and the server will not have after its next start.
    for (name, wanted, code) in [
        ("gtid_strict_mode", "ON", &STRICT),
        ("log_slave_updates", "ON", &CHAIN),
        ("sync_binlog", "1", &DURABLE),
        ("innodb_flush_log_at_trx_commit", "1", &DURABLE),
    ] {
        let value = last(name);
        if let Some(value) = value.filter(|value| !same(value, wanted)) {
            found.add(code, format!("the last option file sets {name} = {value}"), format!("{AGAIN}; {where_from}"));
        }
    }
}

fn is_on(value: &str) -> bool {
    matches!(value.to_ascii_uppercase().as_str(), "" | "1" | "ON" | "TRUE" | "YES")
}

fn same(value: &str, wanted: &str) -> bool {
    value.eq_ignore_ascii_case(wanted) || (wanted == "ON" && is_on(value))
}

fn supported(server: &Server) -> bool {
    server.version.contains("MariaDB") && number(&server.version) >= 100_500
}

/// "10.11.19-MariaDB-..." as MariaDB's version comments count: 101119.
fn number(version: &str) -> u32 {
    let mut parts = version.split(|c: char| !c.is_ascii_digit()).map(|part| part.parse::<u32>().unwrap_or(0));
    let mut next = || parts.next().unwrap_or(0);
    next() * 10_000 + next() * 100 + next()
}

fn settings(facts: &Facts, server: &Server, found: &mut Findings) {
    let get = |name: &str| server.variables.get(name).map_or("", String::as_str);
    let set = |name: &str, value: &str| format!("mariadb -e 'SET GLOBAL {name}={value}'; {AGAIN}");
    for (name, wanted, code) in [
        ("gtid_strict_mode", "ON", &STRICT),
        ("sync_binlog", "1", &DURABLE),
        ("innodb_flush_log_at_trx_commit", "1", &DURABLE),
        ("binlog_format", "ROW", &ROW),
    ] {
        found.need(same(get(name), wanted), code, format!("{name} = {}", get(name)), set(name, wanted));
    }
    for name in ["log_bin", "log_slave_updates"] {
        found.need(is_on(get(name)), &CHAIN, format!("{name} = {}", get(name)), AGAIN);
    }
    found.need(
        get("rpl_semi_sync_master_timeout").parse::<u64>().is_ok_and(|timeout| timeout >= FOREVER_MS),
        &GIVES_UP,
        format!("rpl_semi_sync_master_timeout = {} ms", get("rpl_semi_sync_master_timeout")),
        set("rpl_semi_sync_master_timeout", &FOREVER_MS.to_string()),
    );
    found.need(
        get("rpl_semi_sync_master_wait_point") == "AFTER_SYNC",
        &WAIT_POINT,
        format!("rpl_semi_sync_master_wait_point = {}", get("rpl_semi_sync_master_wait_point")),
        set("rpl_semi_sync_master_wait_point", "AFTER_SYNC"),
    );
    for name in VARIABLES.iter().filter(|name| name.starts_with("replicate_")) {
        found.need(get(name).is_empty(), &FILTER, format!("{name} = {}", get(name)), set(name, "\"\""));
    }
    let peer = facts.sights[1].now.as_ref().ok().map_or(0, |peer| peer.report.server_id);
    let own = get("server_id").parse().unwrap_or(0);
    found.need(
        own != peer || peer == 0,
        &SAME_ID,
        format!("server_id is {own} on both hosts"),
        format!("grep -rn 'server[-_]id' /etc/mysql; remove all but the one of ap-mode install; {AGAIN}"),
    );
    let active = facts.set_up().is_some_and(|state| state.role == Role::Active);
    found.need(
        !active || server.replicas <= 1,
        &REPLICAS,
        format!("{} replicas acknowledge commits", server.replicas),
        "mariadb -e 'SHOW SLAVE HOSTS'; on the third machine: SET GLOBAL rpl_semi_sync_slave_enabled=OFF, restart its IO thread",
    );
}

fn accounts(facts: &Facts, server: &Server, found: &mut Findings) {
    let version = number(&server.version);
    for (whose, account, grants) in &server.grants {
        let grants = match grants {
            Ok(grants) => grants,
            Err(error) => {
                found.add(&FEW_RIGHTS, format!("{account}: {error}"), "ap-mode install");
                continue;
            }
        };
        let wanted: BTreeSet<String> = match whose {
            Whose::Local => local_rights(version),
            Whose::Replication => replication_rights(version),
        }
        .into_iter()
        .collect();
        let (have, more) = rights(grants);
        let few: Vec<&str> = wanted.difference(&have).map(String::as_str).collect();
        let all = have.contains("ALL PRIVILEGES");
        found.need(
            few.is_empty() || all,
            &FEW_RIGHTS,
            format!("{account} lacks {}", few.join(", ")),
            "ap-mode install",
        );
        let mut many: Vec<String> = have.difference(&wanted).cloned().collect();
        many.extend(more);
        if !many.is_empty() {
            let revoke = many.iter().filter(|right| !right.contains(" ON ")).cloned().collect::<Vec<_>>().join(", ");
            found.add(
                &MANY_RIGHTS,
                format!("{account} may also {}", many.join(", ")),
                format!("mariadb -e \"{ROOT}; REVOKE {revoke} ON *.* FROM {account}\""),
            );
        }
    }
    let listed = server.unbound.join(", ");
    found.need(
        server.unbound.is_empty(),
        &UNBOUND,
        format!("{listed}, besides root and {}", facts.config.codename),
        format!("mariadb -e \"{ROOT}; REVOKE SUPER, READ ONLY ADMIN ON *.* FROM ACCOUNT\", on both hosts"),
    );
}

/// Rights on everything, and whatever else there is, of lines of `SHOW GRANTS`.
fn rights(grants: &[String]) -> (BTreeSet<String>, Vec<String>) {
    let (mut have, mut more) = (BTreeSet::new(), Vec::new());
    for line in grants {
        let Some((rights, rest)) = line.strip_prefix("GRANT ").and_then(|line| line.split_once(" ON ")) else {
            continue;
        };
        if !rest.starts_with("*.* ") {
            more.push(format!("{rights} ON {}", rest.split(" TO ").next().unwrap_or_default()));
            continue;
        }
        have.extend(rights.split(", ").filter(|right| *right != "USAGE").map(str::to_owned));
        if rest.contains(" WITH GRANT OPTION") {
            have.insert("GRANT OPTION".into());
        }
    }
    (have, more)
}

fn contents(server: &Server, found: &mut Findings) {
    let some = |names: &[String]| {
        let shown = names.iter().take(3).cloned().collect::<Vec<_>>().join(", ");
        if names.len() > 3 { format!("{shown} and {} more", names.len() - 3) } else { shown }
    };
    let first = |names: &[String]| names.first().cloned().unwrap_or_default();
    found.need(
        server.not_innodb.is_empty(),
        &ENGINE,
        some(&server.not_innodb),
        format!("mariadb -e 'ALTER TABLE {} ENGINE=InnoDB', on the active", first(&server.not_innodb)),
    );
    found.need(
        server.no_key.is_empty(),
        &NO_KEY,
        some(&server.no_key),
        format!("mariadb -e 'ALTER TABLE {} ADD PRIMARY KEY (...)', on the active", first(&server.no_key)),
    );
    for event in &server.killers {
        found.add(
            &KILL,
            format!("the event {event} uses KILL"),
            format!("mariadb -e 'DROP EVENT {event}'; max_statement_time is safe"),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_and_grants_are_read() {
        for (version, expected) in
            [("10.11.19-MariaDB-0+deb12u1", 101_119), ("11.8.2-MariaDB", 110_802), ("8.0", 80_000)]
        {
            assert_eq!(number(version), expected, "{version}");
        }
        let grants = [
            "GRANT RELOAD, PROCESS ON *.* TO `ap`@`localhost` IDENTIFIED BY PASSWORD '*x' WITH GRANT OPTION".to_owned(),
            "GRANT SELECT ON `demo`.* TO `ap`@`localhost`".to_owned(),
        ];
        let (have, more) = rights(&grants);
        assert_eq!(have.into_iter().collect::<Vec<_>>(), ["GRANT OPTION", "PROCESS", "RELOAD"]);
        assert_eq!(more, ["SELECT ON `demo`.*"]);
    }
}
