//! The same package on every supported release of Debian: the scenarios marked
//! for it ([`Scenario::matrix`]) on each, one after the other, and one table.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::machine;
use crate::runner::Done;
use crate::scenario::Scenario;
use crate::scenarios;

/// What came out on one release.
pub struct Release {
    suite: String,
    versions: [(&'static str, String); 3],
    done: Vec<Done>,
}

/// All scenarios marked for it, in the order they run in.
pub fn chosen() -> Vec<Scenario> {
    scenarios::in_order(scenarios::all().into_iter().filter(|scenario| scenario.matrix).collect())
}

/// Runs them on each of the releases by way of `run`, which knows how. Returns
/// whether all passed on all.
pub fn run(
    suites: &[String],
    base: impl Fn(&str) -> PathBuf,
    mut run: impl FnMut(&str, &[Scenario], &mut dyn Write) -> Result<Vec<Done>>,
    out: &mut dyn Write,
) -> Result<bool> {
    let chosen = chosen();
    let mut releases = Vec::new();
    for suite in suites {
        writeln!(out, "== {suite}")?;
        let versions = machine::releases(Path::new(&base(suite)));
        releases.push(Release { suite: suite.clone(), versions, done: run(suite, &chosen, out)? });
        writeln!(out)?;
    }
    table(&chosen, &releases, out)?;
    Ok(releases.iter().all(|release| release.done.iter().all(|done| done.result.is_ok())))
}

/// A column for each release: versions, each scenario with the longest time
/// without an acknowledged write, and the sum.
fn table(chosen: &[Scenario], releases: &[Release], out: &mut dyn Write) -> Result<()> {
    let mut row = |title: &str, cell: &dyn Fn(&Release) -> String| -> Result<()> {
        write!(out, "{title:<30}")?;
        for release in releases {
            write!(out, " {:<20}", cell(release))?;
        }
        Ok(writeln!(out)?)
    };
    row("", &|release| release.suite.clone())?;
    for n in 0..3 {
        let package = releases.first().map_or("", |release| release.versions[n].0);
        row(package, &|release| short(&release.versions[n].1).to_owned())?;
    }
    for (n, Scenario { fault, name, .. }) in chosen.iter().enumerate() {
        row(&format!("{fault:<5}{name}"), &|release| release.done.get(n).map_or_else(|| "-".to_owned(), cell))?;
    }
    row("result", &|release| {
        let failed = release.done.iter().filter(|done| done.result.is_err()).count();
        match failed {
            0 => format!("{} passed", release.done.len()),
            _ => format!("{} passed, {failed} FAILED", release.done.len() - failed),
        }
    })
}

fn cell(done: &Done) -> String {
    match &done.result {
        Ok(counts) => match counts.outage {
            Some(outage) => format!("ok {:.2} s", outage.as_secs_f64()),
            None => "ok".to_owned(),
        },
        Err(_) => "FAILED".to_owned(),
    }
}

/// A version without Debian's epoch and revision: "1:2.2.7-1+b2" is 2.2.7.
fn short(version: &str) -> &str {
    let upstream = version.split_once(':').map_or(version, |(_, rest)| rest);
    upstream.split(['-', '+', '~']).next().unwrap_or(upstream)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Counts;

    #[test]
    fn versions_without_the_distributions_part() {
        for (version, expected) in
            [("1:2.2.7-1+b2", "2.2.7"), ("1:11.8.9+ds-0+deb13u1", "11.8.9"), ("252.39-1~deb12u2", "252.39"), ("?", "?")]
        {
            assert_eq!(short(version), expected);
        }
    }

    #[test]
    fn a_failure_is_seen_in_the_table_and_in_the_end() {
        let suites = ["one".to_owned(), "two".to_owned()];
        let mut out = Vec::new();
        let run_one = |suite: &str, chosen: &[Scenario], _: &mut dyn Write| {
            let result = |n| match (suite, n) {
                ("two", 0) => Err(anyhow::anyhow!("broken")),
                _ => Ok(Counts::default()),
            };
            Ok(chosen
                .iter()
                .enumerate()
                .map(|(n, scenario)| Done { scenario: *scenario, took: std::time::Duration::ZERO, result: result(n) })
                .collect())
        };
        assert!(!run(&suites, |_| PathBuf::new(), run_one, &mut out).unwrap());
        let text = String::from_utf8(out).unwrap();
        let last = text.lines().last().unwrap();
        let count = chosen().len();
        assert!(last.contains(&format!("{count} passed")) && last.contains("1 FAILED"), "{text}");
        assert!(run(&suites[..1], |_| PathBuf::new(), run_one, &mut Vec::new()).unwrap());
    }

    #[test]
    fn five_failures_a_planned_swap_and_a_copy_are_in_it() {
        let chosen = chosen();
        for fault in ["F1", "F2", "F3", "F4", "F5"] {
            assert!(chosen.iter().any(|scenario| scenario.fault == fault), "{fault}");
        }
        for name in ["switchover", "fork-forced-on-both"] {
            assert!(chosen.iter().any(|scenario| scenario.name == name), "{name}");
        }
    }
}
