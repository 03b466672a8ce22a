//! The package over its life: an upgrade of a running pair without a failover,
//! `uninstall`, and a purge that leaves nothing.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::clients::Clients;
use crate::command::host;
use crate::expect::{Is, expect};
use crate::node::Node;
use crate::pair::Pair;
use crate::product::{ap_mode, ap_mode_ends, show, start, wait_protected};
use crate::scenario::{Counts, Scenario, booted};
use crate::untouched::untouched;
use crate::wait::{equals, wait_for};

/// Scenarios of this file.
pub const SCENARIOS: &[Scenario] =
    &[booted("op", "upgrade-of-a-running-pair", upgrade), booted("op", "uninstall-and-purge", uninstall)];

const LONG: Duration = Duration::from_secs(60);

/// Directory of the packages that a pair is upgraded to; those it runs where it is not
/// set. `scripts/upgrade` sets it.
const NEXT: &str = "AP_LAB_NEXT";

/// The package of the pair with another version, otherwise the same to the byte.
fn next_version(pair: &Pair) -> Result<Vec<u8>> {
    let debs = match std::env::var_os(NEXT) {
        Some(directory) => crate::lab::debs(directory.as_ref())?,
        None => pair.lab.debs()?,
    };
    let deb = debs.iter().find(|deb| deb.to_string_lossy().contains("ap-pair")).context("no package ap-pair")?;
    let tree = pair.lab.directory().join("next");
    let (tree, deb) = (tree.to_string_lossy().into_owned(), deb.to_string_lossy().into_owned());
    host("dpkg-deb", &["--raw-extract", &deb, &tree])?;
    host("sed", &["-i", "s/^Version: .*/Version: 99.0.0-1/", &format!("{tree}/DEBIAN/control")])?;
    // Fast: it is read once.
    host("dpkg-deb", &["-Znone", "--root-owner-group", "--build", &tree, &format!("{tree}.deb")])?;
    let bytes = std::fs::read(format!("{tree}.deb"))?;
    std::fs::remove_dir_all(&tree)?;
    Ok(bytes)
}

/// The standby first, then the active, while clients write: nobody fails over,
/// nothing is lost, ap-notify and the checks are those of the new package.
///
/// With a postinst that restarts keepalived as well, the active hands over.
fn upgrade(pair: &Pair) -> Result<Counts> {
    start(pair)?;
    let (a, b) = (&pair.a, &pair.b);
    let bytes = next_version(pair)?;
    let before = [show(a)?, show(b)?];
    let clients = Clients::start(pair)?;
    let begun = Instant::now();
    for node in [b, a] {
        let process = node.pid_of("ap-notify.service")?;
        node.write("/root/next.deb", &bytes, "0644")?;
        node.sh("dpkg -i /root/next.deb", LONG)?.success()?;
        ensure!(node.run("dpkg-query -W -f '${Version}' ap-pair")? == "99.0.0-1", "not upgraded");
        ensure!(node.pid_of("ap-notify.service")? != process, "ap-notify runs on from the old package");
        wait_protected(a)?;
        wait_protected(b)?;
    }
    expect(pair, a, Is::Active)?;
    expect(pair, b, Is::Standby)?;
    let after = [show(a)?, show(b)?];
    for (before, after) in before.iter().zip(&after) {
        ensure!((before.epoch, &before.since) == (after.epoch, &after.since), "{before:?} became {after:?}");
    }
    for node in pair.nodes() {
        ap_mode(node, "check")?;
    }
    let pause = clients.outage(begun).length;
    ensure!(pause < Duration::from_secs(2), "an upgrade held writes up for {pause:?}");
    let counts = clients.finish(pair, a, begun)?;
    Ok(Counts { outage: Some(pause), ..counts })
}

/// Everything on a node that bears our names.
fn ours(node: &Node) -> Result<String> {
    node.run(
        "find / -xdev \\( -path /proc -o -path /sys -o -path /root -o -path /usr/share/doc -o -path /var/log \
         -o -path /var/lib/dpkg -o -path '/var/lib/mysql*' -o -path /usr/lib/demo -o -path '*demo*' \\) -prune -o \
         \\( -name 'ap.*' -o -name 'ap-*' -o -name '_ap-*' -o -name '50-ap*' -o -name '90-ap*' -o -name ap \\) -print; \
         find /run -xdev \\( -name 'ap-*' -o -name ap \\) -print; \
         find /etc/systemd/system -lname /dev/null",
    )
}

fn uninstall(pair: &Pair) -> Result<Counts> {
    start(pair)?;
    let (a, b) = (&pair.a, &pair.b);
    // At work: refused, and nothing has changed.
    for arguments in ["uninstall", "uninstall --dry-run"] {
        let said = untouched(pair, "uninstall of a node at work", || ap_mode_ends(b, arguments, 1))?;
        ensure!(said.contains("ap-mode set m"), "{said}");
    }
    ap_mode(b, "set m")?;
    wait_for("the active to go on alone", Duration::from_secs(10), || Ok(equals(show(a)?.solo, &true)))?;
    b.run("echo '# mine' >>/etc/systemd/system/demo-api.service.d/50-ap.conf")?;
    let said = untouched(pair, "uninstall --dry-run", || ap_mode(b, "uninstall --dry-run"))?;
    for says in
        ["remove  /etc/keepalived/keepalived.conf", "keep    /etc/systemd/system/demo-api.service.d/50-ap.conf (edited"]
    {
        ensure!(said.contains(says), "no '{says}' in {said}");
    }
    let said = ap_mode_ends(b, "uninstall", 0)?;
    ensure!(said.contains("DROP USER IF EXISTS 'ap'@'localhost', 'ap-repl'@'"), "{said}");
    let left = b.run(
        "ls -d /etc/keepalived/keepalived.conf /etc/mysql/mariadb.conf.d/90-ap.cnf /etc/tmpfiles.d/ap.conf \
                      /usr/local/lib/systemd/system/ap* /run/ap /var/lib/ap/installed* 2>/dev/null || true",
    )?;
    ensure!(left.is_empty(), "left: {left}");
    // An ordinary database again, which anybody may start.
    b.run(
        "grep -q mine /etc/systemd/system/demo-api.service.d/50-ap.conf; rm -r /etc/systemd/system/demo-api.service.d",
    )?;
    b.run("systemctl daemon-reload; systemctl start mariadb && mariadb -e 'SELECT COUNT(*) FROM demo.users'")?;
    ensure!(b.sql("SELECT @@read_only")? == "0", "its settings are still ours");
    // And back: what uninstall left is enough to begin again.
    ap_mode(b, "install")?;
    ap_mode(b, "set m")?;
    ap_mode(b, "set ap --reseed")?;
    wait_protected(a)?;
    // What was there before install comes back.
    ap_mode(b, "set m")?;
    ap_mode(b, "uninstall")?;
    b.write("/etc/keepalived/keepalived.conf", b"# theirs\n", "0600")?;
    ap_mode_ends(b, "install", 1)?;
    ap_mode(b, "install --force")?;
    ap_mode(b, "uninstall")?;
    let back = b.run("cat /etc/keepalived/keepalived.conf; stat -c %a /etc/keepalived/keepalived.conf")?;
    ensure!(back == "# theirs\n600", "{back}");

    // Purged without uninstall: the same, and what the node remembered goes too.
    // What --force replaced is not ours to remove.
    b.run("rm -r /etc/keepalived/keepalived.conf /var/lib/ap/replaced")?;
    ap_mode(b, "install")?;
    ap_mode(b, "set m")?;
    b.sh("apt-get purge -y -q ap-pair", LONG)?.success()?;
    wait_for("nothing of ours to be left", Duration::from_secs(5), || {
        Ok(equals(ours(b)?.as_str(), &"/etc/ap\n/etc/ap/ap.toml"))
    })?;
    b.run("systemctl start mariadb && mariadb -e 'SELECT COUNT(*) FROM demo.users'")?;
    let state = b.run("systemctl is-enabled ap-notify.service ap.service keepalived.service 2>&1 || true")?;
    ensure!(!state.contains("masked") && !state.contains("\nenabled"), "{state}");
    expect(pair, a, Is::Active).or_else(|_| expect(pair, a, Is::Alone))?;
    Ok(Counts::default())
}
