//! docs/install.md, followed to the letter on two fresh nodes: what is printed there
//! is what is typed here.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::expect::{Is, expect};
use crate::failover::failover;
use crate::node::Node;
use crate::options::Options;
use crate::pair::Pair;
use crate::product::wait_protected;
use crate::scenario::{Begin, Counts, Scenario, Setup, booted};
use crate::sql::SCHEMA;
use crate::wait::{equals, wait_for};

/// Scenarios of this file.
pub const SCENARIOS: &[Scenario] =
    &[Scenario { setup: &THEIRS, begin: Begin::Booted, ..booted("adopt", "install-guide", guide) }];

/// A session opens within a few questions.
const SOON: Duration = Duration::from_secs(20);
const GUIDE: &str = include_str!("../../../docs/install.md");

/// Two hosts with an API of their owner's, and its data on the first.
const THEIRS: Setup = Setup {
    name: "theirs",
    options: Options::default,
    install: |pair| {
        for deb in pair.lab.debs()? {
            let name = deb.file_name().context("package without a name")?.to_string_lossy().into_owned();
            pair.both(|node| node.push(&deb, &format!("/root/{name}"), "0644"))?;
        }
        pair.both(|node| node.run("dpkg -i /root/ap-demo-api_*.deb"))?;
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts/init-model");
        pair.a.push(script.as_ref(), "/root/init-model", "0755")?;
        pair.a.run("/root/init-model")?;
        carry(pair, "/etc/ap/demo-password")?;
        pair.a.sql(SCHEMA).map(drop)
    },
};

/// One block of the guide.
struct Block {
    /// What stands behind the opening fence.
    head: String,
    text: String,
}

/// With this lab's addresses, interface, API and clients in place of the guide's.
fn blocks(pair: &Pair) -> Vec<Block> {
    let o = &pair.options;
    let mut text = GUIDE.to_owned();
    for (theirs, ours) in [
        ("192.0.2.10", o.vip.to_string()),
        ("192.0.2.11", o.addresses[0].to_string()),
        ("192.0.2.12", o.addresses[1].to_string()),
        ("eth0", o.nics[0].to_owned()),
        ("my-api.service", "demo-api.service".to_owned()),
        // The lab's clients use the database as well.
        ("--dports 22,8080", "--dports 22,8080,3306".to_owned()),
    ] {
        assert!(text.contains(theirs), "the guide does not say {theirs} any more");
        text = text.replace(theirs, &ours);
    }
    let parts = text.split("\n```").collect::<Vec<_>>();
    let inside = parts.iter().skip(1).step_by(2);
    let block = |part: &&str| {
        let (head, text) = part.split_once('\n').unwrap_or((part, ""));
        Block { head: head.to_owned(), text: text.to_owned() }
    };
    inside.map(block).collect()
}

fn carry(pair: &Pair, file: &str) -> Result<()> {
    let text = pair.a.run(&format!("cat {file}"))?;
    pair.b.write(file, format!("{text}\n").as_bytes(), "0600")
}

/// Types the lines on a node. The doctor may have something to say, and whoever
/// looks a moment too early looks again.
fn type_in(node: &Node, text: &str) -> Result<usize> {
    let lines = text.lines().filter(|line| !line.is_empty());
    for line in lines.clone() {
        let type_it = || node.sh(&format!("cd /root && {line}"), Duration::from_secs(120));
        match line {
            "ap-mode check" => type_it().map(drop)?,
            "ap-mode status" => wait_for("all to be well", SOON, || Ok(equals(type_it()?.code, &0))).map(drop)?,
            _ => type_it()?.success().map(drop).with_context(|| format!("{line} on {}", node.name()))?,
        }
    }
    Ok(lines.count())
}

fn guide(pair: &Pair) -> Result<Counts> {
    let (begun, mut typed) = (Instant::now(), 0);
    for Block { head, text } in blocks(pair) {
        typed += match head.as_str() {
            "sh both" => pair.both(|node| type_in(node, &text))?.iter().sum(),
            "sh host1" => type_in(&pair.a, &text)?,
            "sh host2" => type_in(&pair.b, &text)?,
            "sh carry" => carry(pair, "/etc/ap/credentials.toml").map(|()| 1)?,
            "toml /etc/ap/ap.toml" => {
                pair.both(|node| node.write("/etc/ap/ap.toml", text.as_bytes(), "0644"))?;
                2
            }
            other => anyhow::bail!("docs/install.md: nobody knows what to do with a block of '{other}'"),
        };
    }
    let took = begun.elapsed();
    // The guide ends with the roles swapped, and with nothing wrong.
    expect(pair, &pair.b, Is::Active)?;
    expect(pair, &pair.a, Is::Standby)?;
    wait_protected(&pair.b)?;
    for node in pair.nodes() {
        let said = node.sh("ap-mode check", Duration::from_secs(30))?;
        ensure!(said.code < 2, "{} is not well: {}", node.name(), said.stdout);
    }
    let story = failover(pair, Node::link_down, Node::link_up)?;
    Ok(Counts { note: format!("{typed} commands and files, {:.0} s", took.as_secs_f64()), ..story })
}
