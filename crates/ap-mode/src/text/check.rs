//! What `ap-mode check` found, and the table of all codes.

use std::fmt::Write;

use ap_core::exit::Level;

use super::{Paint, Tone, hang};
use crate::check::GROUPS;
use crate::cmd::check::Report;

fn tone(level: Level) -> Tone {
    match level {
        Level::Ok => Tone::Good,
        Level::Warning => Tone::Warn,
        Level::Critical | Level::Unknown => Tone::Bad,
    }
}

/// The headline, each finding with its reason and remedy, and what was not seen.
pub fn report(report: &Report, paint: Paint) -> String {
    let word = report.level.as_str();
    let mut text = hang(&format!("{word}: "), &report.summary).replacen(word, &paint.tone(tone(report.level), word), 1);
    for finding in &report.findings {
        let head = format!("{} {}", finding.code, finding.level.as_str());
        text.push('\n');
        text.push_str(&hang(&format!("{head}: "), &finding.text).replacen(
            &head,
            &paint.tone(tone(finding.level), &head),
            1,
        ));
        text.push_str(&hang("  why   ", finding.why));
        // Never wrapped: it is there to be copied.
        let _ = writeln!(text, "  mend  {}", finding.mend.replace(|c: char| c.is_control(), " "));
    }
    if !report.not_looked_at.is_empty() {
        text.push_str("\nnot looked at:\n");
        for unseen in &report.not_looked_at {
            text.push_str(&hang("  - ", unseen));
        }
    }
    text
}

/// All codes, as Markdown: docs/checks.md.
pub fn catalogue() -> String {
    let mut text = String::from(
        "# What `ap-mode check` looks for\n\n\
         Written by `ap-mode check --list`; a test keeps it up to date. A code keeps its meaning for good.\n\
         `ap-mode check` prints, beside each finding, the command that mends it.\n",
    );
    for (group, codes) in GROUPS {
        let _ =
            write!(text, "\n## {group}\n\n| code | level | what is wrong | what it would spoil |\n|---|---|---|---|\n");
        for code in codes {
            let _ = writeln!(text, "| {} | {} | {} | {} |", code.code, code.level.as_str(), code.title, code.why);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_codes_are_all_codes() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/checks.md");
        let text = std::fs::read_to_string(file).unwrap_or_default();
        assert!(text == catalogue(), "docs/checks.md is out of date: ap-mode check --list >docs/checks.md");
    }

    #[test]
    fn codes_are_unique_and_in_order() {
        let codes: Vec<&str> = GROUPS.iter().flat_map(|(_, codes)| codes.iter().map(|code| code.code)).collect();
        assert!(codes.windows(2).all(|two| two[0] < two[1]), "{codes:?}");
    }
}
