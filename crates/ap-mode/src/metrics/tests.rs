use std::collections::BTreeSet;

use ap_core::status::{Sight, status};

use super::page;

const RULES: &str = include_str!("../../../../monitoring/ap.rules.yml");
const DASHBOARD: &str = include_str!("../../../../monitoring/ap-dashboard.json");

/// A standby that answers, as another program would read it.
fn sight(host: &str) -> Sight {
    let answer = crate::check::tests::answer(host, ap_core::mode::Role::Standby, "");
    Sight { host: host.into(), here: true, now: Ok(answer), last: None }
}

fn whole() -> String {
    let (mut own, mut peer) = (sight("a"), sight("b"));
    let answer = own.now.as_mut().unwrap();
    answer.report.behind = Some(3);
    answer.report.checks.insert("db".into(), ap_core::verdict::Verdict::good("it answers"));
    answer.report.event = Some(ap_core::event::Brief { at: "2026-08-05T09:14:03.250Z".into(), ..Default::default() });
    let other = peer.now.as_mut().unwrap();
    (other.role, other.writable, other.vip) = (ap_core::mode::Role::Active, Some(true), true);
    page("a \"pair\"", &status("192.0.2.10".parse().unwrap(), &own, &peer))
}

/// Names of the metrics on a page.
fn names(page: &str) -> BTreeSet<&str> {
    page.lines().filter_map(|line| line.strip_prefix("# TYPE ")).filter_map(|line| line.split(' ').next()).collect()
}

/// Words that begin with `ap_`.
fn used(text: &str) -> BTreeSet<&str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| word.starts_with("ap_")).collect()
}

#[test]
fn the_page_is_what_prometheus_reads() {
    let page = whole();
    assert!(page.contains("ap_mode{codename=\"a \\\"pair\\\"\",host=\"a\",mode=\"ap\"} 1\n"), "{page}");
    assert!(page.contains("\nap_replication_lag_seconds{codename=\"a \\\"pair\\\"\",host=\"a\"} 3\n"), "{page}");
    assert!(
        page.contains("ap_last_event_timestamp_seconds{codename=\"a \\\"pair\\\"\",host=\"a\"} 1785921243.25\n"),
        "{page}"
    );
    assert!(page.ends_with('\n'));
    // HELP and TYPE once for each name, right before its lines.
    let mut seen = BTreeSet::new();
    let mut current = "";
    for line in page.lines() {
        if let Some(name) = line.strip_prefix("# HELP ").and_then(|line| line.split(' ').next()) {
            assert!(seen.insert(name), "{name} twice");
            current = name;
        } else if !line.starts_with('#') {
            assert!(line.starts_with(&format!("{current}{{")), "{line} below {current}");
        }
    }
    assert!(names(&page).len() > 25);
}

#[test]
fn rules_and_dashboard_ask_for_what_there_is() {
    let page = whole();
    let names = names(&page);
    for (file, text) in [("rules", RULES), ("dashboard", DASHBOARD)] {
        let unknown: Vec<&str> = used(text).difference(&names).copied().collect();
        assert!(unknown.is_empty(), "{file} asks for {unknown:?}");
    }
    assert!(used(DASHBOARD).len() > 8 && used(RULES).len() > 10);
}

/// The structure Prometheus asks of a rules file, where promtool is not at hand to say so.
#[test]
fn each_rule_has_its_parts() {
    let mut lines = RULES.lines().filter(|line| !line.trim_start().starts_with('#'));
    assert_eq!([lines.next(), lines.next(), lines.next()], [Some("groups:"), Some("  - name: ap"), Some("    rules:")]);
    let rules: Vec<Vec<&str>> = lines.fold(Vec::new(), |mut rules: Vec<Vec<&str>>, line| {
        if line.starts_with("      - alert: ") {
            rules.push(Vec::new());
        }
        rules.last_mut().unwrap().push(line);
        rules
    });
    let mut alerts = BTreeSet::new();
    for rule in &rules {
        let keys: Vec<&str> = rule
            .iter()
            .map(|line| line.trim_start_matches([' ', '-']).split(':').next().unwrap())
            .filter(|key| *key != "for")
            .collect();
        assert_eq!(keys, ["alert", "expr", "labels", "severity", "annotations", "summary", "mend"], "{rule:?}");
        for line in rule {
            let depth = line.len() - line.trim_start().len();
            let key = line.trim_start().split(':').next().unwrap();
            let expected = match key {
                "- alert" => 6,
                "severity" | "summary" | "mend" => 10,
                _ => 8,
            };
            assert_eq!(depth, expected, "{line}");
            let (_, value) = line.split_once(':').unwrap();
            let quoted = value.starts_with(" \"") && value.ends_with('"');
            let plain = !value.contains(": ") && (!value.contains('"') || key == "expr");
            assert!(quoted || plain, "not plain YAML: {line}");
        }
        assert!(alerts.insert(rule[0]), "{} twice", rule[0]);
    }
    assert!(rules.len() > 10);
}

#[test]
fn promtool_agrees() {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/../../monitoring/ap.rules.yml");
    // Where there is none, the structure is checked above.
    if let Ok(output) = std::process::Command::new("promtool").args(["check", "rules", dir]).output() {
        assert!(output.status.success(), "{output:?}");
    }
}

#[test]
fn the_dashboard_is_json() {
    let dashboard: serde_json::Value = serde_json::from_str(DASHBOARD).unwrap();
    assert!(dashboard["panels"].as_array().unwrap().len() > 8);
}
