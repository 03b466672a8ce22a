//! Each rule broken once, and what the operator reads.

use std::time::Duration;

use crate::config::{Config, Scheduler, Span};

fn good() -> Config {
    toml::from_str(
        r#"
        vip = "192.0.2.10"
        host = [
            { name = "one", address = "192.0.2.11", nic = "eth0" },
            { name = "two", address = "192.0.2.12", nic = "enp1s0" },
        ]
        api.unit = "demo-api.service"
        "#,
    )
    .unwrap()
}

#[test]
fn the_defaults_make_sense() {
    assert_eq!(good().check(), []);
}

#[test]
fn each_rule_names_its_key() {
    type Break = fn(&mut Config);
    let table: &[(&str, Break)] = &[
        ("codename", |c| c.codename = "Ap".into()),
        ("codename", |c| c.codename = String::new()),
        ("codename", |c| c.codename = "a23456789012345-7".into()),
        ("vip", |c| c.vip = [127, 0, 0, 1].into()),
        ("vip", |c| c.vip = [224, 0, 0, 18].into()),
        ("vip", |c| c.vip = [0, 0, 0, 0].into()),
        ("vip", |c| c.vip = c.host[1].address),
        ("host", |c| drop(c.host.pop())),
        ("host", |c| {
            c.host.push(c.host[0].clone());
            c.host[2].name = "three".into();
            c.host[2].address = [192, 0, 2, 13].into();
        }),
        ("host[1].name", |c| c.host[1].name = "one".into()),
        ("host[0].name", |c| c.host[0].name = "a b".into()),
        ("host[1].address", |c| c.host[1].address = c.host[0].address),
        ("host[1].address", |c| c.host[1].address = [127, 0, 0, 2].into()),
        ("host[0].nic", |c| c.host[0].nic = "a/b".into()),
        ("host[0].nic", |c| c.host[0].nic = "a b".into()),
        ("host[0].nic", |c| c.host[0].nic = "abcdefghijklmnop".into()),
        ("database.unit", |c| c.database.unit = "mariadb".into()),
        ("api.unit", |c| c.api.unit = "mariadb.service".into()),
        ("api.unit", |c| c.api.unit = "ap.service".into()),
        ("api.unit", |c| c.api.unit = "ap-notify.service".into()),
        ("api.unit", |c| c.api.unit = "a b.service".into()),
        ("database.socket", |c| c.database.socket = "run/sock".into()),
        ("database.credentials", |c| c.database.credentials = "".into()),
        ("api.ca-file", |c| c.api.ca_file = Some("ca.pem".into())),
        ("paths.units", |c| c.paths.units = "/etc/systemd/system/".into()),
        ("paths.state", |c| c.paths.state = "var".into()),
        ("alert.command", |c| c.alert.command = vec!["mail".into()]),
        ("fence.command", |c| c.fence.command = vec!["./off".into()]),
        ("api.health-url", |c| c.api.health_url = "ftp://127.0.0.1/".into()),
        ("api.health-url", |c| c.api.health_url = "http://".into()),
        ("api.health-url", |c| c.api.health_url = "http://a:0/".into()),
        ("api.insecure", |c| {
            c.api.insecure = true;
            c.api.health_url = "https://192.0.2.11/".into();
        }),
        ("api.expect-status", |c| c.api.expect_status = 0),
        ("api.expect-body", |c| c.api.expect_body = Some(String::new())),
        ("api.redirects", |c| c.api.redirects = 11),
        ("keepalived.advert-interval", |c| c.keepalived.advert_interval = Span::millis(15)),
        ("keepalived.advert-interval", |c| c.keepalived.advert_interval = Span::millis(0)),
        ("keepalived.virtual-router-id", |c| c.keepalived.virtual_router_id = 0),
        ("check.fall", |c| c.check.fall = 0),
        ("check.rise", |c| c.check.rise = 0),
        ("check.timeout", |c| c.check.timeout = c.check.interval),
        ("check.timeout", |c| c.check.timeout = Span::millis(199)),
        ("database.port", |c| c.database.port = 0),
        ("pair.port", |c| c.pair.port = 3306),
        ("pair.stall", |c| c.pair.stall = Span::secs(0)),
        ("pair.ask-timeout", |c| c.pair.ask_timeout = c.pair.ask_interval),
        ("pair.lease", |c| c.pair.lease = Span::millis(1700)),
        ("pair.lease", |c| c.keepalived.advert_interval = Span::secs(1)),
        ("pair.witness", |c| c.pair.witness = vec![c.vip.into()]),
        ("pair.witness", |c| c.pair.witness = vec!["::1".parse().unwrap()]),
        ("start.delay", |c| {
            c.start.scheduler = Scheduler::At;
            c.start.delay = Span::secs(90);
        }),
    ];
    for (n, (key, spoil)) in table.iter().enumerate() {
        let mut config = good();
        spoil(&mut config);
        let problems = config.check();
        let keys: Vec<_> = problems.iter().map(|problem| problem.key.as_str()).collect();
        assert_eq!(keys, [*key], "row {n}: {problems:?}");
    }
}

#[test]
fn the_lease_error_shows_its_sum() {
    let mut config = good();
    config.pair.lease = Span::secs(1);
    assert_eq!(
        config.check()[0].to_string(),
        "pair.lease = 1s: must be more than 1s 700ms = pair.ask-interval 500ms + pair.ask-timeout 300ms \
         + 4 x keepalived.advert-interval 100ms + half of pair.gap 1s: otherwise the lease is over before \
         the standby of a vanished active may use it"
    );
}

#[test]
fn odd_but_right_values_pass() {
    type Change = fn(&mut Config);
    let table: &[Change] = &[
        |c| c.api.health_url = "https://[::1]:8443/h?x=1".into(),
        |c| c.api.health_url = "http://localhost".into(),
        |c| {
            c.api.insecure = true;
            c.api.health_url = "https://[::1]/".into();
        },
        |c| c.host[0].nic = "eth0.100".into(),
        |c| c.api.unit = "api@blue.service".into(),
        |c| c.start.delay = Span::secs(0),
        |c| {
            c.start.scheduler = Scheduler::At;
            c.start.delay = Span::secs(180);
        },
    ];
    for (n, change) in table.iter().enumerate() {
        let mut config = good();
        change(&mut config);
        assert_eq!(config.check(), [], "row {n}");
    }
}

#[test]
fn checks_stop_before_keepalived_stops_them() {
    assert_eq!(good().check.deadline(), Duration::from_millis(900));
}
