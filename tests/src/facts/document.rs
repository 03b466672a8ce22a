//! `docs/FACTS.md`: one heading per fact, which is its anchor.

/// The document.
const FACTS: &str = include_str!("../../../docs/FACTS.md");

/// The text below a heading, without the line that says how it is known.
fn text(anchor: &str) -> Option<&'static str> {
    let (_, rest) = FACTS.split_once(&format!("\n### {anchor}\n"))?;
    rest.split("\n*").next().map(str::trim)
}

/// The first sentence of a fact, on one line.
pub fn statement(anchor: &str) -> String {
    let text = text(anchor).unwrap_or("no such fact");
    let words: Vec<_> = text.split_whitespace().collect();
    let whole = words.join(" ");
    let first = whole.split_inclusive(". ").next().unwrap_or_default();
    first.trim_end().to_owned()
}
