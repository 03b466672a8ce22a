//! Files: the configuration, what install made of it, secrets, programs.

use super::{Facts, Findings, codes};
use crate::install::place::Kind;

codes! {
    UNUSABLE "AP001" Critical "the configuration cannot be used"
        "no program of the pair works without it: any failure of the active is an outage"
    NEITHER "AP002" Critical "this machine is neither of the two hosts, or both"
        "it does not know which half of the pair it is: it neither serves nor takes over"
    NOT_INSTALLED "AP003" Critical "ap-mode install has not been run here"
        "nothing acts on a failure (F1 to F5)"
    EDITED "AP004" Warning "somebody edited what install wrote, or wrote it first"
        "what is in effect is not what the configuration says; install refuses to overwrite it"
    OUTDATED "AP005" Warning "the configuration has not taken effect"
        "the two nodes may act on different times and addresses; the change comes with the next restart, in the middle of a failure"
    CONFIG_DIFFERS "AP006" Critical "the two hosts have different configurations"
        "the standby serves another address, or promotes by other times than the active keeps to (F1 to F5, F18)"
    VERSIONS "AP007" Warning "the two hosts have different versions of the package"
        "a failover between two versions is tested for one upgrade at a time only"
    CREDENTIALS "AP008" Critical "the credentials cannot be used"
        "the database is neither checked nor promoted nor replicated (F1 to F5)"
    CONFIG_OPEN "AP009" Critical "others than root may change the configuration"
        "it names programs that run as root"
    PROGRAM "AP010" Critical "a program of the package is missing or cannot be run"
        "keepalived takes a check that cannot be run for a good one: the address stays on a dead node (F2 to F5)"
    INSECURE "AP011" Critical "others than root may replace a program of the package"
        "keepalived silently drops such a check: the address stays on a dead node (F2 to F5)"
    COMMAND "AP012" Warning "a command of the configuration cannot be run"
        "nobody is told of a failover, or a node that needs its peer switched off waits for it (F6, F7)"
    STATE "AP013" Critical "the state of this node cannot be read"
        "a node that does not know what it is neither serves nor takes over"
    MODE_FILE "AP014" Warning "the mode file does not say what the state says"
        "other people's scripts act on it"
}

pub fn check(facts: &Facts, found: &mut Findings) {
    let config = &facts.config;
    match &facts.state {
        Ok(None) => found.add(&NOT_INSTALLED, format!("{} has no state yet", facts.own.name), "ap-mode install"),
        Err(error) => found.add(&STATE, error, "ap-mode set m"),
        Ok(Some(state)) => {
            let word = facts.files.mode_file.as_deref().unwrap_or("nothing");
            let (file, mode) = (config.mode_file(), state.mode);
            found.need(
                word == mode.as_str(),
                &MODE_FILE,
                format!("{} says {word}, the state says {mode}", file.display()),
                format!("echo {mode} >{}", file.display()),
            );
        }
    }
    drift(facts, found);
    both(facts, found);
    let file = config.database.credentials.display();
    match &facts.files.credentials {
        Some(Err(error)) => {
            let mend = if error.contains("has mode") { format!("chmod 0600 {file}") } else { copy(facts) };
            found.add(&CREDENTIALS, error, mend);
        }
        None if facts.installed() => found.add(&CREDENTIALS, format!("there is no {file}"), copy(facts)),
        _ => {}
    }
    if let Some(how) = &facts.files.config_open {
        let path = facts.path.display();
        found.add(&CONFIG_OPEN, format!("{path}: {how}"), format!("chown root:root {path}; chmod 0644 {path}"));
    }
    programs(facts, found);
}

fn copy(facts: &Facts) -> String {
    let file = facts.config.database.credentials.display();
    format!("ssh {} cat {file} | install -m 0600 /dev/stdin {file}; ap-mode install", facts.peer.address)
}

fn drift(facts: &Facts, found: &mut Findings) {
    let mut outdated = Vec::new();
    match &facts.files.drift {
        Ok(files) => {
            for (path, kind) in files {
                if kind.is_refused() {
                    found.add(
                        &EDITED,
                        format!("{} was {}", path.display(), kind.origin()),
                        "ap-mode install --dry-run shows the difference, ap-mode install --force takes it back",
                    );
                } else if matches!(kind, Kind::Create | Kind::Update | Kind::Remove) {
                    outdated.push(path.display().to_string());
                }
            }
        }
        Err(error) => found.add(&OUTDATED, format!("what install would write: {error}"), "ap-mode install --dry-run"),
    }
    if !facts.installed() {
        return;
    }
    if !outdated.is_empty() {
        found.add(&OUTDATED, format!("install would change {}", outdated.join(", ")), "ap-mode install");
    } else if !facts.files.effective {
        let text = format!("{} was changed since ap-mode install", facts.path.display());
        found.add(&OUTDATED, text, "ap-mode install");
    }
}

/// What both hosts must have in common.
fn both(facts: &Facts, found: &mut Findings) {
    let [own, peer] = facts.sights.each_ref().map(|sight| sight.now.as_ref().ok());
    let Some(peer) = peer else { return };
    let mine = facts.config.fingerprint();
    let theirs = &peer.report.config;
    found.need(
        theirs.is_empty() || *theirs == mine,
        &CONFIG_DIFFERS,
        format!("{} works with another configuration ({theirs}, here {mine})", peer.host),
        format!(
            "diff <(ssh {} cat {path}) {path}; then ap-mode install on both",
            facts.peer.address,
            path = facts.path.display()
        ),
    );
    let version = own.map_or(env!("CARGO_PKG_VERSION"), |own| &own.version);
    found.need(
        version == peer.version,
        &VERSIONS,
        format!("{version} here, {} on {}", peer.version, peer.host),
        "apt install ./ap-pair_*.deb, the same on both, the standby first",
    );
}

fn programs(facts: &Facts, found: &mut Findings) {
    for (path, wrong) in &facts.files.programs {
        let Some(wrong) = wrong else { continue };
        let (code, mend) = if wrong.contains("may be changed") {
            (&INSECURE, format!("chown root:root {0}; chmod go-w {0}", insecure_part(wrong)))
        } else {
            (&PROGRAM, "apt install --reinstall ./ap-pair_*.deb".to_owned())
        };
        found.add(code, format!("{}: {wrong}", path.display()), mend);
    }
    for (key, path, wrong) in &facts.files.commands {
        if let Some(wrong) = wrong {
            let text = format!("{key} in {}: {}: {wrong}", facts.path.display(), path.display());
            found.add(&COMMAND, text, format!("chmod 0755 {}", path.display()));
        }
    }
}

/// The path a sentence about an insecure path begins with.
pub fn insecure_part(wrong: &str) -> &str {
    wrong.split_whitespace().next().unwrap_or(wrong)
}
