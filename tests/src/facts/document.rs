//! `docs/FACTS.md`: one heading per fact, which is its anchor.

/// The document.
const FACTS: &str = include_str!("../../../docs/FACTS.md");

/// The facts in order: anchor, and what is written below it, on one line.
fn facts() -> impl Iterator<Item = (&'static str, String)> {
    FACTS.split("\n### ").skip(1).filter_map(|fact| {
        let (anchor, text) = fact.split_once('\n')?;
        let text = text.split("\n## ").next().unwrap_or_default();
        Some((anchor, text.split_whitespace().collect::<Vec<_>>().join(" ")))
    })
}

/// The first sentence of a fact.
pub fn statement(anchor: &str) -> String {
    let text = facts().find(|fact| fact.0 == anchor).map(|fact| fact.1).unwrap_or_default();
    text.split_inclusive(". ").next().unwrap_or_default().trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::*;
    use crate::facts::{KEEPALIVED, REPLICATION, SEMI_SYNC, SYSTEMD};

    /// How a comment cites a fact, up to its anchor.
    const CITED: &str = "docs/FACTS.md#";

    fn anchors() -> BTreeSet<String> {
        facts().map(|fact| fact.0.to_owned()).collect()
    }

    fn rows() -> Vec<&'static str> {
        let tables = [SEMI_SYNC, REPLICATION, KEEPALIVED, SYSTEMD];
        tables.concat().concat().into_iter().map(|row| row.anchor).collect()
    }

    fn root(path: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
    }

    /// All anchors cited in the files below a directory, with the file.
    fn cited(directory: &Path) -> Vec<(PathBuf, String)> {
        let mut found = Vec::new();
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                found.extend(cited(&path));
            } else if let Ok(text) = fs::read_to_string(&path) {
                let parts = text.split(CITED).skip(1);
                let anchors = parts.map(|rest| rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').next());
                found.extend(anchors.flatten().filter(|it| !it.is_empty()).map(|it| (path.clone(), it.to_owned())));
            }
        }
        found
    }

    #[test]
    fn an_anchor_is_a_heading_of_its_own() {
        let plain = |anchor: &str| anchor.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
        let odd: Vec<_> = facts().filter(|fact| !plain(fact.0) || fact.1.is_empty()).collect();
        assert!(odd.is_empty(), "{odd:?}");
        assert_eq!(anchors().len(), facts().count());
    }

    #[test]
    fn what_is_cited_exists() {
        let anchors = anchors();
        for directory in ["crates", "tests/src", "tests/broken"] {
            for (file, anchor) in cited(&root(directory)) {
                assert!(anchors.contains(&anchor), "{}: {anchor}", file.display());
            }
        }
    }

    #[test]
    fn what_the_simulator_relies_on_is_run() {
        let beyond = facts().filter(|fact| fact.1.contains("*Beyond the lab: ")).map(|fact| fact.0);
        let known: Vec<_> = rows().into_iter().chain(beyond).collect();
        for (file, anchor) in cited(&root("crates/ap-sim/src")) {
            assert!(known.contains(&anchor.as_str()), "{} cites {anchor}, of which there is no row", file.display());
        }
    }

    #[test]
    fn a_row_is_a_fact_that_says_so() {
        let rows = rows();
        let once: BTreeSet<_> = rows.iter().copied().collect();
        assert_eq!(once.len(), rows.len(), "two rows of one anchor");
        let of_the_lab: BTreeSet<_> =
            facts().filter(|fact| fact.1.contains("*Lab.*") || fact.1.contains("*Lab;")).map(|fact| fact.0).collect();
        assert_eq!(once, of_the_lab);
    }

    #[test]
    fn a_statement_is_one_sentence() {
        let text = statement("semi-sync-commit-waits");
        assert!(text.starts_with("A commit whose") && text.ends_with("counts it."), "{text}");
    }
}
