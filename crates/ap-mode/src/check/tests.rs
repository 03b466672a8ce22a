//! A healthy node, and one break for each code: exactly that code is found.

use std::collections::BTreeMap;
use std::time::Duration;

use ap_core::answer::{Answer, Report};
use ap_core::mode::{Mode, Role, Vrrp};
use ap_core::observed::Gateway;
use ap_core::sql::{FOREVER_MS, local_rights, replication_rights};
use ap_core::state::State;
use ap_core::status::Sight;

use super::facts::*;
use super::keepalived_conf::Conf;
use super::*;
use crate::install::place::Kind;
use crate::install::render::Version;

const CONFIG: &str = r#"
vip = "192.0.2.10"
[[host]]
name = "a"
address = "192.0.2.11"
nic = "eth0"
[[host]]
name = "b"
address = "192.0.2.12"
nic = "eth0"
[api]
unit = "demo-api.service"
"#;

const CONF: &str = include_str!("../../tests/golden/node1.txt");

pub fn answer(host: &str, role: Role, config: &str) -> Answer {
    let active = role == Role::Active;
    Answer {
        host: host.into(),
        codename: "ap".into(),
        version: env!("CARGO_PKG_VERSION").into(),
        mode: Mode::Ap,
        role,
        epoch: 3,
        solo: false,
        fenced: false,
        switchover: false,
        promoting: false,
        grant: None,
        lease: false,
        relay: String::new(),
        vrrp: Some(if active { Vrrp::Master } else { Vrrp::Backup }),
        vip: active,
        gateway: Gateway::Answers,
        writable: Some(active),
        db_version: "10.11.19-MariaDB".into(),
        binlog_pos: Default::default(),
        slave_pos: Default::default(),
        io_pos: Default::default(),
        binlog_state: Default::default(),
        user_tables: 1,
        replicating: !active,
        doing: String::new(),
        since: String::new(),
        who: String::new(),
        why: String::new(),
        protected: true,
        protection: "as it should be".into(),
        report: Report {
            started: true,
            config: config.into(),
            server_id: if active { 11 } else { 12 },
            ..Report::default()
        },
    }
}

fn sight(host: &str, role: Role, config: &str) -> Sight {
    Sight { host: host.into(), here: role == Role::Active, now: Ok(answer(host, role, config)), last: None }
}

fn unit(active: &str, file: &str) -> Unit {
    Unit {
        load: "loaded".into(),
        active: active.into(),
        file: file.into(),
        fragment: "/lib/systemd/system/x.service".into(),
        drop_ins: vec!["/etc/systemd/system/x.service.d/50-ap.conf".into()],
        restart: "no".into(),
        ..Unit::default()
    }
}

fn server() -> Server {
    let variables = [
        ("gtid_strict_mode", "ON"),
        ("log_slave_updates", "ON"),
        ("log_bin", "ON"),
        ("sync_binlog", "1"),
        ("innodb_flush_log_at_trx_commit", "1"),
        ("binlog_format", "ROW"),
        ("server_id", "11"),
        ("rpl_semi_sync_master_wait_point", "AFTER_SYNC"),
    ];
    let mut variables: BTreeMap<String, String> =
        variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
    variables.insert("rpl_semi_sync_master_timeout".into(), FOREVER_MS.to_string());
    let grant = |rights: Vec<String>| Ok(vec![format!("GRANT {} ON *.* TO `x`@`y`", rights.join(", "))]);
    Server {
        version: "10.11.19-MariaDB-0+deb12u1".into(),
        variables,
        replicas: 1,
        grants: vec![
            (Whose::Local, "'ap'@'localhost'".into(), grant(local_rights(101_119))),
            (Whose::Replication, "'ap-repl'@'192.0.2.11'".into(), grant(replication_rights(101_119))),
        ],
        unbound: Vec::new(),
        not_innodb: Vec::new(),
        no_key: Vec::new(),
        killers: Vec::new(),
    }
}

/// The active of a protected pair, as it should be.
fn healthy() -> Facts {
    let config = ap_core::config::parse(CONFIG, "test").unwrap();
    let fingerprint = config.fingerprint();
    let services = ["mariadb.service", "demo-api.service", "keepalived.service"];
    let mut units: BTreeMap<String, Unit> =
        services.into_iter().map(|name| (name.to_owned(), unit("active", "disabled"))).collect();
    units.insert("ap.service".into(), unit("inactive", "disabled"));
    for name in ["ap-notify.service", "ap-notify.socket", "ap-peer.socket"] {
        units.insert(name.into(), unit("active", "enabled"));
    }
    let options = [("read_only", "ON"), ("skip_slave_start", "ON"), ("bind_address", "0.0.0.0"), ("sync_binlog", "1")];
    let (_, conf) = CONF.split_once("==> /etc/keepalived/keepalived.conf <==").unwrap();
    let (conf, _) = conf.split_once("==> ").unwrap();
    Facts {
        path: "/etc/ap/ap.toml".into(),
        own: config.host[0].clone(),
        peer: config.host[1].clone(),
        state: Ok(Some(State {
            mode: Mode::Ap,
            role: Role::Active,
            epoch: 3,
            who: "operator root".into(),
            ..State::fresh()
        })),
        files: Files {
            drift: Ok(vec![("/etc/keepalived/keepalived.conf".into(), Kind::Same)]),
            effective: true,
            config_open: None,
            credentials: Some(Ok(())),
            programs: vec![("/usr/bin/ap-notify".into(), None)],
            commands: vec![("alert.command", "/usr/local/bin/tell".into(), None)],
            mode_file: Some("ap".into()),
        },
        keepalived: Keepalived {
            version: Ok(Version(2, 2, 7)),
            verdict: Ok(()),
            conf: Some(Conf::parse(conf)),
            scripts: vec![("/usr/bin/ap-track-db".into(), None)],
            script_user: false,
            stale: false,
        },
        database: Database {
            options: Ok(options.map(|(name, value)| (name.into(), value.into())).to_vec()),
            server: Ok(server()),
        },
        units: Ok(units),
        network: Network {
            nic: None,
            vip: vec![("eth0".into(), 32)],
            vip_answers: false,
            gateway: Gateway::Answers,
            round_trip: Some(Duration::from_millis(1)),
            database_port: Ok(()),
            adverts: Some(true),
        },
        sights: [sight("a", Role::Active, &fingerprint), sight("b", Role::Standby, &fingerprint)],
        host: Machine {
            spaces: vec![Space { path: "/var".into(), what: "data", free: 90 << 30, total: 100 << 30 }],
            ..Machine::default()
        },
        config,
    }
}

fn db(facts: &mut Facts) -> &mut Server {
    facts.database.server.as_mut().unwrap()
}

fn set(facts: &mut Facts, name: &str, value: &str) {
    db(facts).variables.insert(name.into(), value.into());
}

fn option(facts: &mut Facts, name: &str, value: &str) {
    facts.database.options.as_mut().unwrap().push((name.into(), value.into()));
}

fn conf(facts: &mut Facts) -> &mut Conf {
    facts.keepalived.conf.as_mut().unwrap()
}

fn on(facts: &mut Facts, name: &str, change: impl Fn(&mut Unit)) {
    change(facts.units.as_mut().unwrap().get_mut(name).unwrap());
}

fn own(facts: &mut Facts) -> &mut Answer {
    facts.sights[0].now.as_mut().unwrap()
}

fn peer(facts: &mut Facts) -> &mut Answer {
    facts.sights[1].now.as_mut().unwrap()
}

fn state(facts: &mut Facts) -> &mut State {
    facts.state.as_mut().unwrap().as_mut().unwrap()
}

/// Everything that an operator has put to rest.
fn rest(facts: &mut Facts) {
    state(facts).mode = Mode::M;
    facts.files.mode_file = Some("m".into());
    for name in ["ap.service", "mariadb.service", "demo-api.service", "keepalived.service"] {
        on(facts, name, |it| *it = unit("inactive", "masked"));
    }
    let answer = own(facts);
    (answer.mode, answer.vip, answer.vrrp, answer.writable) = (Mode::M, false, None, None);
    answer.report.started = false;
    facts.network.vip.clear();
    facts.database.server = Err("down".into());
}

type Break = (&'static str, fn(&mut Facts));

const BREAKS: &[Break] = &[
    ("AP003", |f| {
        *f = healthy();
        f.state = Ok(None);
        f.files.drift = Ok(vec![("/etc/keepalived/keepalived.conf".into(), Kind::Create)]);
        f.files.credentials = None;
        f.files.effective = false;
        *f.units.as_mut().unwrap() =
            f.units.clone().unwrap().into_iter().filter(|(name, _)| !name.starts_with("ap")).collect();
        f.database.server = Err("down".into());
        f.sights[0].now = Err("nobody there".into());
    }),
    ("AP004", |f| f.files.drift = Ok(vec![("/etc/x".into(), Kind::Edited), ("/etc/y".into(), Kind::Same)])),
    ("AP005", |f| f.files.drift = Ok(vec![("/etc/x".into(), Kind::Update), ("/etc/y".into(), Kind::Remove)])),
    ("AP005", |f| f.files.effective = false),
    ("AP006", |f| peer(f).report.config = "0".into()),
    ("AP007", |f| peer(f).version = "9".into()),
    ("AP008", |f| f.files.credentials = Some(Err("x has mode 0644".into()))),
    ("AP008", |f| f.files.credentials = None),
    ("AP009", |f| f.files.config_open = Some("/etc may be changed by others than root".into())),
    ("AP010", |f| f.files.programs[0].1 = Some("is not executable".into())),
    ("AP011", |f| f.files.programs[0].1 = Some("/usr may be changed by others than root (mode 0777)".into())),
    ("AP012", |f| f.files.commands[0].2 = Some("No such file".into())),
    ("AP013", |f| f.state = Err("damaged".into())),
    ("AP014", |f| f.files.mode_file = Some("m".into())),
    ("AP014", |f| f.files.mode_file = None),
    ("AP020", |f| f.keepalived.version = Err("keepalived is not installed".into())),
    ("AP021", |f| f.keepalived.version = Ok(Version(2, 0, 19))),
    ("AP022", |f| f.keepalived.verdict = Err("unknown keyword".into())),
    ("AP023", |f| conf(f).scripts[1].weight = -20),
    ("AP023", |f| conf(f).instances[0].scripts[0].1 = Some(5)),
    ("AP024", |f| f.keepalived.scripts[0].1 = Some("is not executable".into())),
    ("AP025", |f| conf(f).script_security = false),
    ("AP026", |f| conf(f).script_user = Some("nobody".into())),
    ("AP026", |f| (conf(f).script_user, f.keepalived.script_user) = (None, true)),
    ("AP027", |f| conf(f).instances[0].addresses = vec!["192.0.2.10/24".into()]),
    ("AP028", |f| conf(f).instances[0].nopreempt = false),
    ("AP028", |f| conf(f).instances[0].state = "MASTER".into()),
    ("AP029", |f| conf(f).fifo = Some("/run/other".into())),
    ("AP030", |f| conf(f).files[0].weight = 1),
    ("AP030", |f| drop(conf(f).instances[0].files.pop())),
    ("AP031", |f| conf(f).strict = true),
    ("AP032", |f| drop(conf(f).instances[0].scripts.pop())),
    ("AP033", |f| conf(f).scripts[0].timeout = 2_000_000),
    ("AP034", |f| f.keepalived.stale = true),
    ("AP040", |f| f.database.server = Err("no answer".into())),
    ("AP041", |f| db(f).version = "8.0.35".into()),
    ("AP042", |f| option(f, "read_only", "0")),
    ("AP043", |f| set(f, "gtid_strict_mode", "OFF")),
    ("AP043", |f| option(f, "gtid_strict_mode", "OFF")),
    ("AP044", |f| set(f, "log_slave_updates", "OFF")),
    ("AP044", |f| set(f, "log_bin", "OFF")),
    ("AP045", |f| set(f, "sync_binlog", "0")),
    ("AP045", |f| set(f, "innodb_flush_log_at_trx_commit", "2")),
    ("AP046", |f| set(f, "binlog_format", "MIXED")),
    ("AP047", |f| peer(f).report.server_id = 11),
    ("AP048", |f| option(f, "rpl_semi_sync_slave_enabled", "ON")),
    ("AP049", |f| set(f, "rpl_semi_sync_master_timeout", "10000")),
    ("AP050", |f| set(f, "rpl_semi_sync_master_wait_point", "AFTER_COMMIT")),
    ("AP051", |f| option(f, "skip_slave_start", "OFF")),
    ("AP052", |f| db(f).replicas = 2),
    ("AP053", |f| db(f).grants[0].2 = Err("There is no such grant defined".into())),
    ("AP053", |f| db(f).grants[1].2.as_mut().unwrap()[0] = "GRANT REPLICATION SLAVE ON *.* TO `x`@`y`".into()),
    ("AP054", |f| db(f).grants[1].2.as_mut().unwrap().push("GRANT INSERT ON `demo`.* TO `x`@`y`".into())),
    ("AP055", |f| db(f).unbound = vec!["'boss'@'%'".into()]),
    ("AP056", |f| db(f).killers = vec!["demo.kill_slow".into()]),
    ("AP056", |f| f.host.killers = vec!["pt-kill".into()]),
    ("AP057", |f| db(f).not_innodb = vec!["demo.old".into()]),
    ("AP058", |f| db(f).no_key = ["a", "b", "c", "d"].map(String::from).to_vec()),
    ("AP059", |f| option(f, "binlog_ignore_db", "demo")),
    ("AP059", |f| set(f, "replicate_do_db", "demo")),
    ("AP060", |f| option(f, "bind_address", "127.0.0.1")),
    ("AP061", |f| db(f).version = "10.11.6-MariaDB-0+deb12u1".into()),
    ("AP070", |f| f.units = Err("no answer".into())),
    ("AP071", |f| on(f, "demo-api.service", |unit| *unit = Unit { load: "not-found".into(), ..Unit::default() })),
    ("AP072", |f| on(f, "mariadb.service", |unit| unit.file = "enabled".into())),
    ("AP073", |f| on(f, "ap.service", |unit| unit.file = "enabled".into())),
    ("AP074", |f| on(f, "mariadb.service", |unit| unit.file = "masked".into())),
    ("AP075", |f| {
        rest(f);
        on(f, "mariadb.service", |unit| unit.file = "disabled".into());
    }),
    ("AP076", |f| on(f, "ap-notify.socket", |unit| unit.active = "inactive".into())),
    ("AP076", |f| on(f, "ap-peer.socket", |unit| unit.file = "disabled".into())),
    ("AP077", |f| on(f, "keepalived.service", |unit| unit.drop_ins.clear())),
    ("AP078", |f| on(f, "mariadb.service", |unit| unit.restart = "on-abnormal".into())),
    ("AP079", |f| on(f, "demo-api.service", |unit| unit.reload = true)),
    ("AP080", |f| on(f, "demo-api.service", |unit| unit.fragment = "/etc/systemd/system/demo-api.service".into())),
    ("AP081", |f| on(f, "mariadb.service", |unit| unit.triggered_by = vec!["mariadb.socket".into()])),
    ("AP082", |f| on(f, "demo-api.service", |unit| unit.active = "failed".into())),
    ("AP090", |f| f.sights[1].now = Err("no connection".into())),
    ("AP091", |f| f.network.round_trip = Some(Duration::from_millis(151))),
    ("AP092", |f| f.network.adverts = Some(false)),
    ("AP093", |f| peer(f).vrrp = Some(Vrrp::Fault)),
    ("AP094", |f| f.network.database_port = Err("refused".into())),
    ("AP095", |f| f.network.gateway = Gateway::Silent),
    ("AP096", |f| f.network.gateway = Gateway::None),
    ("AP097", |f| f.network.nic = Some("is down".into())),
    ("AP098", |f| f.network.vip.push(("eth0".into(), 24))),
    ("AP099", |f| f.network.vip_answers = true),
    ("AP100", |f| own(f).solo = true),
    ("AP101", |f| own(f).protected = false),
    ("AP102", rest),
    ("AP103", |f| own(f).report.started = false),
    ("AP104", |f| peer(f).role = Role::Active),
    ("AP110", |f| {
        f.host.denials = vec![Denial { module: "SELinux", program: "keepalived".into(), what: "read file x".into() }];
    }),
    ("AP111", |f| f.host.unattended = true),
    ("AP112", |f| f.host.needrestart = true),
    ("AP113", |f| f.host.clusters = vec!["pacemaker.service".into()]),
    ("AP114", |f| f.host.spaces[0].free = 10 << 20),
    ("AP115", |f| f.host.spaces[0].free = 5 << 30),
    ("AP116", |f| f.host.missing_dirs = vec!["/run/ap/fault".into()]),
];

fn codes(facts: &Facts) -> Vec<&'static str> {
    let mut codes: Vec<&str> = judge(facts).iter().map(|finding| finding.code).collect();
    codes.dedup();
    codes
}

#[test]
fn nothing_is_found_where_nothing_is_wrong() {
    let mut facts = healthy();
    assert_eq!(judge(&facts), []);
    // The standby's side of it.
    facts.sights.swap(0, 1);
    state(&mut facts).role = Role::Standby;
    set(&mut facts, "server_id", "12");
    assert_eq!(judge(&facts), []);
}

/// Those that come with others by their nature.
const WITH: [(&str, &[&str]); 1] = [("AP075", &["AP075", "AP102"])];

#[test]
fn each_break_is_found_and_nothing_else() {
    for (code, spoil) in BREAKS {
        let mut facts = healthy();
        spoil(&mut facts);
        let expected = WITH.iter().find(|(of, _)| of == code).map_or(vec![*code], |(_, codes)| codes.to_vec());
        assert_eq!(codes(&facts), expected, "{code}: {:#?}", judge(&facts));
        let finding = judge(&facts).into_iter().find(|finding| finding.code == *code).unwrap();
        assert!(!finding.text.is_empty() && !finding.mend.is_empty() && !finding.why.is_empty(), "{finding:?}");
    }
}

#[test]
fn each_code_has_a_break() {
    // Found without facts: the configuration, and which host this is.
    let without = ["AP001", "AP002"];
    for code in GROUPS.iter().flat_map(|(_, codes)| *codes) {
        let known = without.contains(&code.code) || BREAKS.iter().any(|(broken, _)| *broken == code.code);
        assert!(known, "{} is never found", code.code);
    }
}

#[test]
fn the_worst_comes_first() {
    let mut facts = healthy();
    own(&mut facts).protected = false;
    facts.host.unattended = true;
    conf(&mut facts).strict = true;
    assert_eq!(codes(&facts), ["AP031", "AP101", "AP111"]);
}
