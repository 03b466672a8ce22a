//! Templates: text with `{name}` in it.

use anyhow::{Result, bail};

/// Text with every `{name}` replaced by its value. A brace that no small letter
/// follows stands for itself. A line that holds nothing but one name whose value
/// is empty is left out.
///
/// # Errors
/// A name without a value: the template and the code that fills it have come apart.
pub fn fill(template: &str, values: &[(&str, &str)]) -> Result<String> {
    let mut text = String::with_capacity(template.len());
    for line in template.lines() {
        let filled = fill_line(line, values)?;
        if filled.trim().is_empty() && !line.trim().is_empty() {
            continue;
        }
        text.push_str(filled.trim_end());
        text.push('\n');
    }
    Ok(text)
}

fn fill_line(line: &str, values: &[(&str, &str)]) -> Result<String> {
    let mut filled = String::new();
    let mut rest = line;
    while let Some(open) = rest.find('{') {
        let (before, after) = rest.split_at(open);
        filled.push_str(before);
        let name = after[1..]
            .split_once('}')
            .map(|(name, _)| name)
            .filter(|name| !name.is_empty() && name.bytes().all(|c| c.is_ascii_lowercase() || c == b'-'));
        let Some(name) = name else {
            filled.push('{');
            rest = &after[1..];
            continue;
        };
        let Some((_, value)) = values.iter().find(|(known, _)| *known == name) else {
            bail!("no value for {{{name}}}");
        };
        filled.push_str(value);
        rest = &after[name.len() + 2..];
    }
    filled.push_str(rest);
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_replaced() {
        let values = [("a", "1"), ("empty", "")];
        let table = [
            ("x {a}{a} y\n{empty}", Some("x 11 y\n")),
            ("block {\n  {empty}\n  {a}\n}\n\nend", Some("block {\n  1\n}\n\nend\n")),
            ("Wants=z {empty}\n{a}", Some("Wants=z\n1\n")),
            ("{a} {empty} {b}", None),
        ];
        for (template, expected) in table {
            assert_eq!(fill(template, &values).ok().as_deref(), expected, "{template}");
        }
    }
}
