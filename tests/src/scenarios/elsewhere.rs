//! Nothing at its default: codename, VIP, interface names, ports, unit names, homes
//! of programs and scripts, state, run directory, mode file, hooks.

use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::expect::{Is, expect};
use crate::failover::failover;
use crate::node::Node;
use crate::options::Options;
use crate::pair::Pair;
use crate::product::{ap_mode, wait_protected};
use crate::scenario::{Begin, Counts, Scenario, Setup, booted};
use crate::sql::SCHEMA;

/// Scenarios of this file.
pub const SCENARIOS: &[Scenario] =
    &[Scenario { setup: &ELSEWHERE, begin: Begin::Booted, ..booted("elsewhere", "nothing-at-its-default", elsewhere) }];

const CONFIG: &str = "/srv/shop/pair.toml";
const PROGRAMS: &str = "/opt/shop/bin";

/// Two bare machines; the scenario itself is the installation.
const ELSEWHERE: Setup = Setup { name: "elsewhere", options, install: |_| Ok(()) };

fn options() -> Options {
    Options {
        nics: ["lan0", "bond7"],
        vip: Ipv4Addr::new(10, 77, 0, 200),
        codename: "shop",
        state: "/srv/shop/state",
        mode_file: "/srv/shop/mode.txt",
        units: ["mariadb.service", "shop-api.service", "keepalived.service"],
        database_port: 3307,
        api_port: 8090,
        environment: &[
            ("AP_CONFIG", CONFIG),
            ("PATH", "/opt/shop/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
        ],
        ..Options::default()
    }
}

fn config(o: &Options) -> String {
    format!(
        "codename = \"shop\"\nvip = \"{}\"\n\
         [[host]]\nname = \"left\"\naddress = \"{}\"\nnic = \"{}\"\n\
         [[host]]\nname = \"right\"\naddress = \"{}\"\nnic = \"{}\"\n\
         [database]\nport = 3307\nsocket = \"/run/mysqld/shop.sock\"\ncredentials = \"/srv/shop/secret.toml\"\n\
         settings = \"/etc/mysql/mariadb.conf.d/95-shop.cnf\"\n\
         [api]\nunit = \"shop-api.service\"\nhealth-url = \"http://127.0.0.1:8090/healthz\"\nexpect-body = \"ok\"\n\
         [keepalived]\nconfig = \"/srv/shop/keepalived.conf\"\nvirtual-router-id = 77\nadvert-interval = \"200ms\"\n\
         hooks = \"notify\"\n\
         [check]\ninterval = \"3s\"\ntimeout = \"2s\"\nfall = 2\nrise = 1\nwritable-grace = \"4s\"\n\
         [pair]\nport = 7441\nlease = \"4s\"\nask-interval = \"400ms\"\nrestart-grace = \"2s\"\n\
         [start]\ndelay = \"1s\"\nnic-timeout = \"30s\"\n\
         [paths]\nprograms = \"{PROGRAMS}\"\nscripts = \"/opt/shop/lib\"\nstate = \"/srv/shop/state\"\n\
         run = \"/run/shop-pair\"\nmode-file = \"/srv/shop/mode.txt\"\nunits = \"/usr/lib/systemd/system\"\n",
        o.vip, o.addresses[0], o.nics[0], o.addresses[1], o.nics[1]
    )
}

/// The packages, then everything moved to where this site keeps such things.
fn prepare(pair: &Pair, node: &Node) -> Result<()> {
    for (number, deb) in pair.lab.debs()?.iter().enumerate() {
        node.push(deb, &format!("/root/{number}.deb"), "0644")?;
    }
    node.sh("dpkg -i /root/*.deb", Duration::from_secs(60))?.success()?;
    node.run(
        "mkdir -p /opt/shop/bin /opt/shop/lib /srv/shop && mv /usr/bin/ap-* /opt/shop/bin/ \
         && mv /usr/lib/ap/start-ap.sh /opt/shop/lib/ && rm -rf /etc/ap",
    )?;
    node.run(
        "unit=$(systemctl show --value -p FragmentPath demo-api.service); \
         sed -e 's#/etc/ap/demo-password#/srv/shop/password#; s#/etc/ap/demo-api.env#/srv/shop/api.env#' $unit \
           >/usr/lib/systemd/system/shop-api.service && rm $unit && systemctl daemon-reload",
    )?;
    node.write(
        "/srv/shop/api.env",
        b"DEMO_API_ARGS=--listen 0.0.0.0:8090 --socket /run/mysqld/shop.sock --database demo --user demo --workers 8\n",
        "0644",
    )?;
    node.write("/etc/mysql/conf.d/shop.cnf", b"[client-server]\nsocket = /run/mysqld/shop.sock\n", "0644")?;
    node.run("rm -f /etc/mysql/mariadb.conf.d/50-client.cnf; sed -i '/^socket/d' /etc/mysql/mariadb.cnf /etc/mysql/mariadb.conf.d/*.cnf; systemctl restart mariadb")?;
    node.write(CONFIG, config(&pair.options).as_bytes(), "0644").map(drop)
}

/// No file of ours may lie where the defaults would have put it.
fn nothing_at_home(node: &Node) -> Result<()> {
    let there = node.run("ls -d /etc/ap /var/lib/ap /run/ap /run/ap/* /usr/bin/ap-* /etc/tmpfiles.d/ap.conf /etc/mysql/mariadb.conf.d/90-ap.cnf 2>/dev/null || true")?;
    ensure!(there.is_empty(), "at its default on {}: {there}", node.name());
    Ok(())
}

fn elsewhere(pair: &Pair) -> Result<Counts> {
    pair.both(|node| prepare(pair, node))?;
    let (a, b) = (&pair.a, &pair.b);
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts/init-model");
    a.push(script.as_ref(), "/root/init-model", "0755")?;
    a.run("/root/init-model --socket /run/mysqld/shop.sock --password-file /srv/shop/password")?;
    a.sql(SCHEMA)?;
    ap_mode(a, "install")?;
    for file in ["/srv/shop/secret.toml", "/srv/shop/password"] {
        let text = a.run(&format!("cat {file}"))?;
        b.write(file, format!("{text}\n").as_bytes(), "0600")?;
    }
    ap_mode(b, "install")?;
    ap_mode(a, "set ap --role active")?;
    ap_mode(b, "set ap --reseed")?;
    for node in pair.nodes() {
        wait_protected(node)?;
        let tested = node.sh("keepalived -t -f /srv/shop/keepalived.conf", Duration::from_secs(10))?;
        ensure!(tested.code == 0, "{tested:?}");
    }
    expect(pair, a, Is::Active)?;
    expect(pair, b, Is::Standby)?;
    // Power and back, then keepalived, so that each host has been active.
    let power = failover(pair, Node::power_off, |node| node.power_on().map(drop)).context("power")?;
    let process = failover(pair, |node| node.run("systemctl kill -s KILL keepalived").map(drop), |_| Ok(()))
        .context("keepalived killed")?;
    // In s it starts by itself, by the unit named after it.
    ap_mode(b, "set m")?;
    ap_mode(a, "set s")?;
    a.reboot()?;
    expect(pair, a, Is::Alone)?;
    pair.both(nothing_at_home)?;
    let ms = |counts: &Counts| counts.outage.unwrap_or_default().as_millis();
    Ok(Counts {
        acknowledged: power.acknowledged + process.acknowledged,
        missing: power.missing + process.missing,
        outage: power.outage,
        note: format!("keepalived killed {} ms", ms(&process)),
    })
}
