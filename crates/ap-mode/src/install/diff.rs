//! Unified diffs, for people.

use std::fmt::Write;

/// Unchanged lines around a change.
const CONTEXT: usize = 3;

/// One line of a diff.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line<'a> {
    Same(&'a str),
    Old(&'a str),
    New(&'a str),
}

/// What turns `old` into `new`, as `diff -u` prints it; empty when nothing does.
pub fn unified(path: &str, old: Option<&str>, new: Option<&str>) -> String {
    let lines = compare(&split(old), &split(new));
    let mut text = String::new();
    for (n, hunk) in hunks(&lines).into_iter().enumerate() {
        if n == 0 {
            let name = |there: bool| if there { path } else { "/dev/null" };
            let _ = write!(text, "--- {}\n+++ {}\n", name(old.is_some()), name(new.is_some()));
        }
        let before = &lines[..hunk.start];
        let inside = &lines[hunk];
        let _ = writeln!(text, "@@ -{} +{} @@", range(before, inside, true), range(before, inside, false));
        for line in inside {
            let _ = match line {
                Line::Same(line) => writeln!(text, " {line}"),
                Line::Old(line) => writeln!(text, "-{line}"),
                Line::New(line) => writeln!(text, "+{line}"),
            };
        }
    }
    text
}

fn split(text: Option<&str>) -> Vec<&str> {
    text.unwrap_or_default().lines().collect()
}

/// Start and length of one side of a hunk.
fn range(before: &[Line], inside: &[Line], old: bool) -> String {
    let other = |line: &&Line| !matches!((line, old), (Line::Old(_), false) | (Line::New(_), true));
    let length = inside.iter().filter(other).count();
    let start = before.iter().filter(other).count() + usize::from(length > 0);
    format!("{start},{length}")
}

/// By the longest common subsequence: files here have some hundred lines.
fn compare<'a>(old: &[&'a str], new: &[&'a str]) -> Vec<Line<'a>> {
    let width = new.len() + 1;
    let mut common = vec![0_u32; (old.len() + 1) * width];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            common[i * width + j] = if old[i] == new[j] {
                common[(i + 1) * width + j + 1] + 1
            } else {
                common[(i + 1) * width + j].max(common[i * width + j + 1])
            };
        }
    }
    let (mut i, mut j, mut lines) = (0, 0, Vec::new());
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            lines.push(Line::Same(old[i]));
            (i, j) = (i + 1, j + 1);
        } else if j == new.len() || (i < old.len() && common[(i + 1) * width + j] >= common[i * width + j + 1]) {
            lines.push(Line::Old(old[i]));
            i += 1;
        } else {
            lines.push(Line::New(new[j]));
            j += 1;
        }
    }
    lines
}

/// Ranges of lines around changes; those that touch become one.
fn hunks(lines: &[Line]) -> Vec<std::ops::Range<usize>> {
    let mut hunks: Vec<std::ops::Range<usize>> = Vec::new();
    for (n, _) in lines.iter().enumerate().filter(|(_, line)| !matches!(line, Line::Same(_))) {
        let (start, end) = (n.saturating_sub(CONTEXT), (n + CONTEXT + 1).min(lines.len()));
        match hunks.last_mut() {
            Some(last) if start <= last.end => last.end = end,
            _ => hunks.push(start..end),
        }
    }
    hunks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn diffs() {
        let ten = "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n";
        let table = [
            (Some("a\n"), Some("a\n"), ""),
            (None, Some("a\nb\n"), "--- /dev/null\n+++ f\n@@ -0,0 +1,2 @@\n+a\n+b\n"),
            (Some("a\n"), None, "--- f\n+++ /dev/null\n@@ -1,1 +0,0 @@\n-a\n"),
            (
                Some(ten),
                Some("1\n2\n3\n4\nfive\n6\n7\n8\n9\n10\n11\n"),
                "--- f\n+++ f\n@@ -2,9 +2,10 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n 9\n 10\n+11\n",
            ),
        ];
        for (old, new, expected) in table {
            assert_eq!(unified("f", old, new), expected, "{old:?} {new:?}");
        }
        let far = unified("f", Some(ten), Some("0\n2\n3\n4\n5\n6\n7\n8\n9\n0\n"));
        assert_eq!(far.matches("@@ -").count(), 2, "{far}");
    }
}
