//! The runbook speaks of what there is: each of its headings is a text that the
//! product says, and each scenario it names is one.

use std::fs;
use std::path::{Path, PathBuf};

use crate::scenarios;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn sources(directory: &Path, all: &mut String) {
    for entry in fs::read_dir(directory).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() && !path.ends_with("tests") {
            sources(&path, all);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            all.push_str(&fs::read_to_string(path).unwrap());
        }
    }
}

#[test]
fn it_quotes_what_is_said_and_names_scenarios_that_exist() {
    let text = fs::read_to_string(root().join("docs/runbook.md")).unwrap();
    let mut said = String::new();
    sources(&root().join("crates"), &mut said);
    let known: Vec<&str> = scenarios::all().iter().map(|scenario| scenario.name).collect();
    let sections: Vec<&str> = text.split("\n## ").skip(1).collect();
    assert!(sections.len() > 10);
    for section in sections {
        let heading = section.lines().next().unwrap();
        assert!(said.contains(heading), "nothing says '{heading}'");
        let shown = section.split("Scenarios: ").nth(1).unwrap_or_else(|| panic!("{heading}: no scenarios"));
        for name in shown.split('`').skip(1).step_by(2) {
            assert!(known.contains(&name), "{heading}: no scenario {name}");
        }
    }
}
