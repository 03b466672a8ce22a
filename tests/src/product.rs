//! The product on two nodes, set up as a user would: packages, configuration,
//! `ap-mode install`, `ap-mode set ap`.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use ap_core::answer::Answer;
use ap_core::mode::Role;

use crate::command::Output;
use crate::node::Node;
use crate::options::Options;
use crate::pair::Pair;
use crate::scenario::Setup;
use crate::sql::SCHEMA;
use crate::wait::{holds, wait_for};

/// The configuration both hosts share.
pub fn config(pair: &Pair) -> String {
    let o = &pair.options;
    format!(
        "vip = \"{}\"\n\n\
         [[host]]\nname = \"a\"\naddress = \"{}\"\nnic = \"{}\"\n\n\
         [[host]]\nname = \"b\"\naddress = \"{}\"\nnic = \"{}\"\n\n\
         [api]\nunit = \"demo-api.service\"\n",
        o.vip, o.addresses[0], o.nics[0], o.addresses[1], o.nics[1]
    )
}

/// Packages, configuration and `ap-mode install` on both; nothing runs yet.
pub fn install(pair: &Pair, config: &str) -> Result<()> {
    let debs = pair.lab.debs()?;
    for node in pair.nodes() {
        for deb in &debs {
            let name = deb.file_name().context("package without a name")?.to_string_lossy().into_owned();
            node.push(deb, &format!("/root/{name}"), "0644")?;
        }
        node.sh("dpkg -i /root/*.deb", Duration::from_secs(60))?.success()?;
        node.write("/etc/ap/ap.toml", config.as_bytes(), "0644")?;
    }
    // The first host has data already, as most do: the schema of the API.
    let scripts = concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts/");
    pair.a.push(format!("{scripts}init-model").as_ref(), "/root/init-model", "0755")?;
    pair.a.run("/root/init-model")?;
    pair.a.sql(SCHEMA)?;
    ap_mode(&pair.a, "install")?;
    // What the operator carries from one host to the other.
    for file in ["/etc/ap/credentials.toml", "/etc/ap/demo-password"] {
        let text = pair.a.run(&format!("cat {file}"))?;
        pair.b.write(file, format!("{text}\n").as_bytes(), "0600")?;
    }
    ap_mode(&pair.b, "install")?;
    Ok(())
}

/// From `install` to `(ap, ap)`.
pub fn pair_up(pair: &Pair) -> Result<()> {
    ap_mode(&pair.a, "set ap --role active")?;
    ap_mode(&pair.b, "set ap --reseed")?;
    Ok(())
}

/// Runs `ap-mode`; an exit code other than 0 is an error with everything it printed.
pub fn ap_mode(node: &Node, arguments: &str) -> Result<String> {
    ask(node, arguments)?.success().with_context(|| format!("ap-mode {arguments} on {}", node.name()))
}

/// Runs `ap-mode` and returns whatever it ends with.
pub fn ask(node: &Node, arguments: &str) -> Result<Output> {
    node.sh(&format!("ap-mode {arguments}"), Duration::from_secs(180))
}

/// Runs `ap-mode`, which must end with that exit code; returns everything it said.
pub fn ap_mode_ends(node: &Node, arguments: &str, code: i32) -> Result<String> {
    let output = ask(node, arguments)?;
    let said = format!("{}\n{}", output.stdout, output.stderr);
    ensure!(
        output.code == code,
        "ap-mode {arguments} on {} ended with {}, not {code}: {said}",
        node.name(),
        output.code
    );
    Ok(said)
}

/// The usual pair, at rest: both in `ap`, nothing started.
pub const PAIR: Setup = Setup {
    name: "pair",
    options: Options::default,
    install: |pair| {
        install(pair, &config(pair))?;
        pair_up(pair)?;
        wait_protected(&pair.a)?;
        // Standby first: the active of a protected pair would hand over.
        ap_mode(&pair.b, "stop")?;
        wait_for("node a to go on alone", PROTECTED, || Ok(holds(show(&pair.a)?.solo)))?;
        ap_mode(&pair.a, "stop").map(drop)
    },
};

/// A session opens within a few questions.
const PROTECTED: Duration = Duration::from_secs(20);

/// A standby asks twice a second, and is told of a whole session by the next answer.
const ASKED: u64 = 700;

/// What a node says of itself.
pub fn show(node: &Node) -> Result<Answer> {
    Ok(serde_json::from_str(&ap_mode(node, "show --json")?)?)
}

/// Waits until the node says that each acknowledged write is on both, and, of an
/// active, until its standby has asked since: only then may the standby take over.
pub fn wait_protected(node: &Node) -> Result<()> {
    wait_for("PROTECTED", PROTECTED, || {
        let answer = show(node)?;
        let told = answer.role == Role::Standby || answer.report.protected_ms >= ASKED;
        Ok(holds(answer.protected && told))
    })
    .map(drop)
}

/// `ap-mode start` on both nodes at rest, up to `(ap, ap)` and protected.
pub fn start(pair: &Pair) -> Result<()> {
    pair.both(|node| ap_mode(node, "start"))?;
    wait_protected(&pair.a)?;
    wait_protected(&pair.b)
}
