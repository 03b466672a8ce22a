//! Bad input: a clear message that names file, key, value and what is allowed, the
//! documented exit code, and nothing changed. Trackers fail closed.

use std::time::Duration;

use anyhow::{Result, ensure};

use crate::expect::{Is, expect};
use crate::failover::{Failover, roles};
use crate::node::Node;
use crate::pair::Pair;
use crate::product::{ap_mode, ap_mode_ends, config, show, wait_protected};
use crate::scenario::{Counts, Scenario, protected};
use crate::untouched::untouched;
use crate::wait::{holds, wait_for};

/// Scenarios of this file.
pub const SCENARIOS: &[Scenario] = &[
    protected("input", "bad-configuration", bad_configuration),
    protected("input", "bad-words-and-fifo", bad_words),
    protected("input", "exit-codes", exit_codes),
    protected("input", "damaged-state", damaged_state),
];

const BAD: &str = "/root/bad.toml";
const TRACKERS: [&str; 3] = ["nic", "api", "db"];

/// Runs a command that must end with that code and say all of these.
fn ends(node: &Node, command: &str, code: i32, says: &[&str]) -> Result<()> {
    let output = node.sh(command, Duration::from_secs(60))?;
    let said = format!("{}\n{}", output.stdout, output.stderr);
    ensure!(output.code == code, "{command} ended with {}, not {code}: {said}", output.code);
    for words in says {
        ensure!(said.contains(words), "{command} does not say '{words}': {said}");
    }
    Ok(())
}

fn bad_configuration(pair: &Pair) -> Result<Counts> {
    let (active, standby) = roles(pair)?;
    let good = config(pair);
    let vip = format!("vip = \"{}\"", pair.options.vip);
    let host = format!("vip = \"{}\"", pair.a.address());
    let more = |text: &str| format!("{good}\n{text}\n");
    let table: &[(String, &[&str])] = &[
        (good.replace("vip =", "vipp ="), &[BAD, "unknown key 'vipp'", "line 1", "did you mean 'vip'?"]),
        (more("[keepalived]\nvirtual-router-di = 5"), &["'virtual-router-di'", "did you mean 'virtual-router-id'?"]),
        (good.replace(&vip, "vip = \"10.77.0.300\""), &[BAD, "vip = \"10.77.0.300\"", "invalid IPv4 address"]),
        (good.replace(&vip, &host), &[BAD, "vip = ", "must be none of the hosts' own addresses"]),
        (good.replace(&vip, "vip = \"0.0.0.0\""), &[BAD, "vip = 0.0.0.0", "must be an address a host can have"]),
        (more("[pair]\nlease = \"200ms\""), &[BAD, "pair.lease = 200ms", "must"]),
        (more("[keepalived]\nhooks = \"pipe\""), &[BAD, "keepalived.hooks", "pipe", "fifo", "notify"]),
        (good.chars().take(40).collect(), &[BAD]),
    ];
    untouched(pair, "a bad configuration", || {
        for (text, says) in table {
            active.write(BAD, text.as_bytes(), "0644")?;
            ends(active, &format!("ap-mode --config {BAD} install"), 78, says)?;
            ends(active, &format!("ap-mode --config {BAD} set m"), 78, &[])?;
            for tracker in TRACKERS {
                ends(active, &format!("ap-track-{tracker} --config {BAD}"), 78, says)?;
            }
        }
        ends(active, "ap-mode --config /nonexistent.toml show", 78, &["/nonexistent.toml"])?;
        // Credentials that others can read: a copy, so that the pair keeps its own.
        active.run("install -m 644 /etc/ap/credentials.toml /root/open.toml")?;
        active.write(BAD, more("[database]\ncredentials = \"/root/open.toml\"").as_bytes(), "0644")?;
        let open = &["credentials file /root/open.toml", "has mode 0644"];
        ends(active, &format!("ap-track-db --config {BAD}"), 78, open)?;
        ends(active, &format!("ap-mode --config {BAD} install --dry-run"), 78, open)?;
        // A database socket that is not there.
        active.write(BAD, more("[database]\nsocket = \"/run/nowhere/sock\"").as_bytes(), "0644")?;
        ends(active, &format!("ap-track-db --config {BAD}"), 1, &["bad: ", "database at /run/nowhere/sock"])
    })?;
    // For real, on the standby: it gives up its claim, and takes it again afterwards.
    standby.run("chmod 644 /etc/ap/credentials.toml")?;
    let fault = |wanted: &'static str| {
        wait_for(&format!("keepalived to say {wanted}"), Duration::from_secs(10), || {
            Ok(holds(show(standby)?.vrrp.is_some_and(|vrrp| vrrp.as_str() == wanted)))
        })
    };
    fault("FAULT")?;
    standby.run("chmod 600 /etc/ap/credentials.toml")?;
    fault("BACKUP")?;
    expect(pair, active, Is::Active)?;
    expect(pair, standby, Is::Standby)?;
    Ok(Counts::default())
}

fn bad_words(pair: &Pair) -> Result<Counts> {
    let fifo = "/run/ap/notify.fifo";
    let before = pair.both(|node| node.run("systemctl show --value -p MainPID ap-notify"))?;
    untouched(pair, "words nobody knows, and garbage in the FIFO", || {
        for node in pair.nodes() {
            ends(node, "ap-notify frobnicate", 64, &["frobnicate"])?;
            ends(node, "ap-notify INSTANCE ap SLAVE 1", 64, &["unknown word 'SLAVE'", "MASTER, BACKUP, FAULT, STOP"])?;
            ends(node, "ap-notify INSTANCE another FAULT 1", 0, &[])?;
            ends(node, "ap-notify unit-stopped disk", 64, &["disk", "database, api, keepalived"])?;
            ends(node, "ap-mode set standby", 64, &["unknown word 'standby', allowed: ap, s, m"])?;
            ends(node, "ap-mode start --who me", 64, &["boot, at, cron"])?;
            for garbage in [
                "head -c 200000 /dev/urandom",
                "head -c 3000000 /dev/zero",
                "head -c 100000 /dev/zero | tr '\\0' x; echo",
                "echo 'INSTANCE \"ap\" SLAVE 1'; echo '{\"id\": 1}'; echo UNIT disk stopped; echo; printf '\\0\\n'",
            ] {
                node.run(&format!("({garbage}) >{fifo}"))?;
            }
            // Half a line costs nobody else's: this is heard, and says nothing new.
            node.run(&format!("printf 'half a li' >{fifo}; ap-notify unit-started api"))?;
        }
        Ok(())
    })?;
    for node in pair.nodes() {
        // Asked through the same FIFO, after all of it.
        let said = ap_mode(node, "set ap")?;
        ensure!(said.contains("already ap"), "{said}");
        let heard = node.run("grep -c 'api was started' /var/lib/ap/events.jsonl")?;
        ensure!(heard != "0", "the line behind half a line was not heard");
        let journal = node.run("journalctl --quiet -u ap-notify --grep 'ignored a line in the FIFO' | wc -l")?;
        ensure!(journal.parse::<u32>()? >= 4, "garbage was ignored in silence: {journal} lines");
        let memory = node.run("grep VmHWM /proc/$(systemctl show --value -p MainPID ap-notify)/status | tr -dc 0-9")?;
        ensure!(memory.parse::<u32>()? < 50_000, "ap-notify keeps garbage: {memory} kB");
    }
    let after = pair.both(|node| node.run("systemctl show --value -p MainPID ap-notify"))?;
    ensure!(before == after, "ap-notify was started anew: {before:?}, {after:?}");
    Ok(Counts::default())
}

/// The state directory as a small file system of its own, to be filled or made read-only.
fn small_state(node: &Node) -> Result<()> {
    node.run(
        "cp -a /var/lib/ap /root/ap-state && mount -t tmpfs -o size=512k,mode=755 lab /var/lib/ap \
         && cp /root/ap-state/state.toml /root/ap-state/mode /var/lib/ap/",
    )
    .map(drop)
}

fn exit_codes(pair: &Pair) -> Result<Counts> {
    let (active, standby) = roles(pair)?;
    untouched(pair, "asking as nobody, and planning", || {
        ends(active, "setpriv --reuid=65534 --regid=65534 --clear-groups ap-mode set m", 77, &["are you root?"])?;
        for (node, command, code, says) in [
            (active, "set m", 0, "SET GLOBAL read_only=ON"),
            (active, "set s", 0, "acknowledge alone"),
            (active, "stop", 0, "StopUnit mariadb.service"),
            (standby, "restart", 0, "StartUnit keepalived.service"),
            (standby, "set m", 0, "MaskUnitFiles"),
            (standby, "set s", 1, "refused: "),
            (standby, "set ap", 0, "nothing to do"),
        ] {
            ends(node, &format!("ap-mode {command} --dry-run"), code, &[says])?;
            let json = node.sh(&format!("ap-mode {command} --dry-run --json"), Duration::from_secs(20))?;
            ensure!(json.code == code && json.stdout.starts_with('{'), "{command} --json: {json:?}");
        }
        ends(standby, "ap-mode set ap --json", 0, &["{\"reply\":\"done\",\"exit\":0,\"text\":\"already ap\"}"])
    })?;

    // 75: a stopped ap-notify; what was asked is done when it goes on.
    standby.run("systemctl kill --signal=STOP ap-notify")?;
    ap_mode_ends(standby, "stop --timeout 1s", 75)?;
    standby.run("systemctl kill --signal=CONT ap-notify")?;
    expect(pair, standby, Is::Stopped(ap_core::mode::Role::Standby))?;
    // 69: nobody to ask.
    standby.run("systemctl stop ap-peer.socket ap-notify.socket ap-notify.service")?;
    let said = ap_mode_ends(standby, "set m", 69)?;
    ensure!(said.contains("systemctl start ap-notify.socket"), "{said}");
    ap_mode_ends(standby, "show", 0)?;
    standby.run("systemctl start ap-notify.socket ap-peer.socket ap-notify.service")?;
    ap_mode(standby, "start")?;
    wait_protected(active)?;
    wait_protected(standby)?;

    // 73: the state cannot be written, so nothing is begun; the active serves on.
    for node in [standby, active] {
        small_state(node)?;
        for (how, undo) in [
            ("cat /dev/zero >/var/lib/ap/filler || true", "rm -f /var/lib/ap/filler"),
            ("mount -o remount,ro /var/lib/ap", "mount -o remount,rw /var/lib/ap"),
        ] {
            node.run(how)?;
            let said = untouched(pair, how, || ap_mode_ends(node, "set m", 73))?;
            ensure!(said.contains("/var/lib/ap/state.toml"), "{said}");
            node.run(undo)?;
        }
        node.run("cp /var/lib/ap/state.toml /root/ap-state/ && umount /var/lib/ap && cp /root/ap-state/state.toml /var/lib/ap/; rm -r /root/ap-state")?;
    }
    wait_protected(active)?;
    expect(pair, active, Is::Active)?;
    expect(pair, standby, Is::Standby)?;
    Ok(Counts::default())
}

/// Half of `state.toml` is lost, and then ap-notify starts anew.
fn truncate(node: &Node) -> Result<()> {
    node.run(
        "size=$(stat -c %s /var/lib/ap/state.toml); truncate -s $((size / 2)) /var/lib/ap/state.toml; \
         kill -9 $(systemctl show --value -p MainPID ap-notify)",
    )
    .map(drop)
}

/// The way out: everything else says so, and `set m` writes it anew.
fn repaired(node: &Node) -> Result<()> {
    let way = &["/var/lib/ap/state.toml is damaged", "`ap-mode set m` writes it anew"];
    for command in ["set ap", "set s --force", "start", "set ap --dry-run"] {
        ends(node, &format!("ap-mode {command}"), 69, way)?;
    }
    ends(node, "ap-mode show", 69, &["/var/lib/ap/state.toml"])?;
    ap_mode(node, "set m")?;
    node.run("ls /var/lib/ap/state.toml.damaged-*").map(drop)
}

fn damaged_state(pair: &Pair) -> Result<Counts> {
    let (active, standby) = roles(pair)?;
    // On the standby: it goes on acknowledging, but must not be promoted.
    truncate(standby)?;
    wait_for("the standby to be unfit", Duration::from_secs(10), || {
        Ok(holds(standby.run("cat /run/ap/fault/role")? == "1"))
    })?;
    expect(pair, active, Is::Active)?;
    repaired(standby)?;
    expect(pair, standby, Is::Resting)?;
    way_back_of_standby(pair, active, standby)?;
    // On the active: it cannot know what it is, so it gives the VIP away.
    let mut story = Failover::begin(pair)?;
    let outage = story.strike(truncate)?;
    story.mend(repaired)?;
    story.way_back()?;
    Ok(Counts { outage: Some(outage), ..story.end()? })
}

fn way_back_of_standby(pair: &Pair, active: &Node, standby: &Node) -> Result<()> {
    ap_mode(standby, "set ap")?;
    wait_protected(active)?;
    wait_protected(standby)?;
    expect(pair, standby, Is::Standby)
}
