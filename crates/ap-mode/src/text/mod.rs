//! Text for people: colour where it is seen, lines that fit, times that can be read.

pub mod check;
pub mod history;
pub mod status;

use std::io::IsTerminal;
use std::time::Duration;

/// Widest line.
pub const WIDTH: usize = 80;

/// How a piece of text looks on a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// As it is.
    Plain,
    /// A heading.
    Bold,
    /// As it should be.
    Good,
    /// Somebody should look.
    Warn,
    /// Not as it should be.
    Bad,
    /// Not of now.
    Dim,
}

/// Colours, or none.
#[derive(Debug, Clone, Copy)]
pub struct Paint {
    on: bool,
}

impl Paint {
    /// Only for a terminal, and not where `NO_COLOR` (no-color.org) is set.
    pub fn detect() -> Self {
        let set = |key: &str| std::env::var_os(key).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        Self { on: std::io::stdout().is_terminal() && !set("NO_COLOR") && !dumb }
    }

    /// Never.
    #[cfg(test)]
    pub fn plain() -> Self {
        Self { on: false }
    }

    /// `text` in that tone.
    pub fn tone(self, tone: Tone, text: &str) -> String {
        let code = match tone {
            Tone::Plain => return text.to_owned(),
            Tone::Bold => "1",
            Tone::Good => "32",
            Tone::Warn => "33",
            Tone::Bad => "1;31",
            Tone::Dim => "2",
        };
        if self.on && !text.is_empty() { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// Breaks text into lines of at most `width` characters, between words where it can.
/// What cannot be printed (a control character in somebody's `--why`) becomes a space.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut used = 0;
    let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    for word in clean.split_whitespace() {
        let letters: Vec<char> = word.chars().collect();
        for (piece, part) in letters.chunks(width.max(1)).enumerate() {
            let gap = usize::from(used > 0 && piece == 0);
            if used > 0 && used + gap + part.len() > width {
                lines.push(String::new());
                used = 0;
            }
            if let Some(line) = lines.last_mut() {
                if used > 0 && piece == 0 {
                    line.push(' ');
                    used += 1;
                }
                line.extend(part);
                used += part.len();
            }
        }
    }
    lines
}

/// `text` after `first`, later lines indented by as much as `first` is long.
pub fn hang(first: &str, text: &str) -> String {
    let indent = first.chars().count();
    let mut out = String::new();
    for (number, line) in wrap(text, WIDTH - indent).iter().enumerate() {
        out.push_str(&if number == 0 { first.to_owned() } else { " ".repeat(indent) });
        out.push_str(line);
        out.push('\n');
    }
    out
}

/// A length of time in its two largest units: `2 h 5 min`.
pub fn long(time: Duration) -> String {
    let s = time.as_secs();
    match s {
        0..60 => format!("{s} s"),
        60..3600 => format!("{} min", s / 60),
        3600..86_400 => format!("{} h {} min", s / 3600, s % 3600 / 60),
        _ => format!("{} d {} h", s / 86_400, s % 86_400 / 3600),
    }
}

/// `2026-08-05T09:14:03.250Z` as people read it: `2026-08-05 09:14:03Z`.
pub fn moment(rfc3339: &str) -> String {
    match rfc3339.split_once('T') {
        Some((day, time)) => format!("{day} {}Z", time.split(['.', 'Z']).next().unwrap_or(time)),
        None => rfc3339.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_fit() {
        let table: [(&str, &[&str]); 5] = [
            ("", &[""]),
            ("one two", &["one", "two"]),
            ("a b c d", &["a b c", "d"]),
            ("abcdefgh i", &["abcde", "fgh i"]),
            ("a\x1b[31mb\n c", &["a", "[31mb", "c"]),
        ];
        for (text, expected) in table {
            assert_eq!(wrap(text, 5), expected, "{text:?}");
        }
        assert_eq!(hang("x: ", "a b"), "x: a b\n");
    }

    #[test]
    fn times() {
        for (seconds, expected) in [(0, "0 s"), (61, "1 min"), (7500, "2 h 5 min"), (90_000, "1 d 1 h")] {
            assert_eq!(long(Duration::from_secs(seconds)), expected);
        }
        assert_eq!(moment("2026-08-05T09:14:03.250Z"), "2026-08-05 09:14:03Z");
        assert_eq!(moment(""), "");
    }
}
