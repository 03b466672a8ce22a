//! The shipped example: it works, it is complete, and the defaults it shows are true.

#![allow(clippy::unwrap_used)] // helpers of tests may assert as tests do

use ap_core::config::{Config, parse};
use toml::Value;

const EXAMPLE: &str = include_str!("../../../ap.toml.example");

/// A commented key begins right after the '#', a remark after a space.
fn uncommented() -> String {
    let lines = EXAMPLE.lines().map(|line| match line.strip_prefix('#') {
        Some(key) if key.starts_with(|first: char| first.is_ascii_lowercase()) => key,
        _ => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Paths that follow from the codename are shown as what they come to.
fn with_paths(mut config: Config) -> Config {
    let (state, run, mode_file) = (config.state_dir(), config.run_dir(), config.mode_file());
    config.paths.state = state;
    config.paths.run = run;
    config.paths.mode_file = mode_file;
    config
}

#[test]
fn the_example_is_a_configuration() {
    parse(EXAMPLE, "ap.toml.example").unwrap();
}

#[test]
fn the_defaults_it_shows_are_the_defaults() {
    let shown = parse(&uncommented(), "ap.toml.example").unwrap();
    let mut silent = parse(EXAMPLE, "ap.toml.example").unwrap();
    // These two have no default to show.
    assert!(silent.api.expect_body.is_none() && silent.api.ca_file.is_none());
    silent.api.expect_body.clone_from(&shown.api.expect_body);
    silent.api.ca_file.clone_from(&shown.api.ca_file);
    assert_eq!(with_paths(shown), with_paths(silent));
}

#[test]
fn no_key_is_missing() {
    let shown = parse(&uncommented(), "ap.toml.example").unwrap();
    let keys = |value: &Value| {
        let mut keys = Vec::new();
        collect(value, "", &mut keys);
        keys.sort();
        keys
    };
    assert!(shown.api.expect_body.is_some() && shown.api.ca_file.is_some());
    let known = keys(&Value::try_from(shown).unwrap());
    assert_eq!(keys(&uncommented().parse::<toml::Table>().unwrap().into()), known);
}

fn collect(value: &Value, path: &str, keys: &mut Vec<String>) {
    match value {
        Value::Table(table) => {
            for (key, value) in table {
                collect(value, &format!("{path}.{key}"), keys);
            }
        }
        Value::Array(items) if items.iter().any(Value::is_table) => {
            for item in items {
                collect(item, path, keys);
            }
        }
        _ => keys.push(path.to_owned()),
    }
}
