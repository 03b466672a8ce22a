//! Shows that something changed nothing on a node.

use anyhow::{Result, ensure};

use crate::node::Node;
use crate::pair::Pair;

/// Everything that would show a change: files by content, links, units with the
/// time of their last start and stop, addresses, the database's switches. Left out
/// is the history, which grows with each request.
fn fingerprint(pair: &Pair, node: &Node) -> Result<String> {
    let o = &pair.options;
    let units = o.units.join(" ");
    let state = o.state;
    node.run(&format!(
        "cd /; for d in /etc {state} /usr/local/lib/systemd; do \
           find $d -xdev -type f ! -name 'events.jsonl*' -exec md5sum {{}} +; find $d -xdev -type l -printf '%p -> %l\\n'; \
         done | sort -k2; cat {}; \
         systemctl show -p Id,ActiveState,UnitFileState,ActiveEnterTimestampMonotonic,ActiveExitTimestampMonotonic \
           {}.service {units}; \
         ip -o -4 address show scope global | grep -o ' inet [^ ]*'; \
         mariadb -N -B -e 'SELECT @@read_only, @@rpl_semi_sync_master_enabled, @@rpl_semi_sync_slave_enabled' || true",
        o.mode_file, o.codename
    ))
}

/// Does something that must change nothing, on neither node.
///
/// # Errors
/// It fails, or something is different afterwards; the first differences are named.
pub fn untouched<T>(pair: &Pair, what: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let before = pair.both(|node| fingerprint(pair, node))?;
    let done = work()?;
    let after = pair.both(|node| fingerprint(pair, node))?;
    for (node, (before, after)) in pair.nodes().into_iter().zip(before.iter().zip(&after)) {
        let only = |one: &str, other: &str| {
            let lines = one.lines().filter(|line| !other.lines().any(|known| known == *line));
            lines.take(4).map(str::to_owned).collect::<Vec<_>>().join(" | ")
        };
        ensure!(
            before == after,
            "{what} changed node {}: was {}; is {}",
            node.name(),
            only(before, after),
            only(after, before)
        );
    }
    Ok(done)
}
