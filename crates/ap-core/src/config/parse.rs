//! From the text of `ap.toml` to a `Config`, or to errors an operator can act on.

use std::fmt;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Config, Problem};

/// Why a configuration is not used. Displayed as one line per problem, each
/// with file, key, value and what is allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConfigError {
    /// Not TOML, or not of the right shape. One line, already complete.
    Shape(String),
    /// Well-formed, but it does not make sense.
    Sense {
        /// The file that was read.
        file: String,
        /// Everything found wrong, never empty.
        problems: Vec<Problem>,
    },
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shape(line) => f.write_str(line),
            Self::Sense { file, problems } => {
                for (n, problem) in problems.iter().enumerate() {
                    let newline = if n == 0 { "" } else { "\n" };
                    write!(f, "{newline}{file}: {problem}")?;
                }
                Ok(())
            }
        }
    }
}

impl std::error::Error for ConfigError {}

/// Reads and checks a configuration. `file` is only for messages.
///
/// # Errors
/// Wrong TOML, unknown keys (with the nearest known one), wrong types, and
/// whatever [`Config::check`] finds.
pub fn parse(text: &str, file: &str) -> Result<Config, ConfigError> {
    let config: Config = toml::from_str(text).map_err(|error| ConfigError::Shape(explain(text, file, &error)))?;
    let problems = config.check();
    if problems.is_empty() { Ok(config) } else { Err(ConfigError::Sense { file: file.to_owned(), problems }) }
}

/// One line for what serde and the TOML reader found.
fn explain(text: &str, file: &str, error: &toml::de::Error) -> String {
    let message = error.message().replace('\n', ", ");
    let span = error.span();
    let place = match &span {
        Some(span) => format!("{file} line {}", line_of(text, span.start)),
        None => file.to_owned(),
    };
    if let Some((unknown, known)) = unknown_key(&message) {
        let hint = match nearest(unknown, &known) {
            Some(near) => format!("did you mean '{near}'?"),
            None => format!("allowed: {}", known.join(", ")),
        };
        return format!("unknown key '{unknown}' in {place}, {hint}");
    }
    let message = message.replace('`', "'");
    let Some((key, value)) = span.and_then(|span| key_at(text, &span)) else {
        return format!("{place}: {message}");
    };
    format!("{place}: {key} = {value}: {message}")
}

fn line_of(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count()
}

/// Takes serde's "unknown field `a`, expected one of `b`, `c`" apart: the
/// known keys of a table are known to its derived reader alone.
fn unknown_key(message: &str) -> Option<(&str, Vec<&str>)> {
    let rest = message.strip_prefix("unknown field `")?;
    let (unknown, rest) = rest.split_once('`')?;
    Some((unknown, rest.split('`').skip(1).step_by(2).collect()))
}

/// The known key most like `unknown`, unless none is like it.
fn nearest<'a>(unknown: &str, known: &[&'a str]) -> Option<&'a str> {
    known
        .iter()
        .map(|key| (strsim::jaro_winkler(unknown, key), *key))
        .filter(|(likeness, _)| *likeness > 0.7)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, key)| key)
}

/// The dotted key whose value covers `span`, and that value as written.
fn key_at(text: &str, span: &Range<usize>) -> Option<(String, String)> {
    let table = DeTable::parse(text).ok()?;
    let (path, value) = find(table.get_ref(), span)?;
    Some((path, text.get(value)?.trim().to_owned()))
}

fn find(table: &DeTable<'_>, span: &Range<usize>) -> Option<(String, Range<usize>)> {
    table.iter().find_map(|(key, value)| {
        let (below, value) = find_value(value, span)?;
        Some((format!("{}{below}", key.get_ref()), value))
    })
}

fn find_value(value: &Spanned<DeValue<'_>>, span: &Range<usize>) -> Option<(String, Range<usize>)> {
    let here = value.span();
    match value.get_ref() {
        DeValue::Table(table) => {
            let (path, value) = find(table, span)?;
            Some((format!(".{path}"), value))
        }
        DeValue::Array(items) if items.iter().any(|item| item.get_ref().is_table()) => items
            .iter()
            .enumerate()
            .find_map(|(n, item)| find_value(item, span).map(|(path, value)| (format!("[{n}]{path}"), value))),
        _ => (here.start <= span.start && span.end <= here.end).then_some((String::new(), here)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"vip = "192.0.2.10"
[[host]]
name = "one"
address = "192.0.2.11"
nic = "eth0"
[[host]]
name = "two"
address = "192.0.2.12"
nic = "eth1"
[api]
unit = "demo-api.service"
"#;

    #[test]
    fn the_least_configuration_is_enough() {
        let config = parse(GOOD, "ap.toml").unwrap();
        assert_eq!(config.codename, "ap");
        assert_eq!(config.api.expect_status, 200);
        assert_eq!(config.pair, crate::config::Pair::default());
    }

    #[test]
    fn mistakes_are_named_with_file_line_key_and_value() {
        let table: &[(&str, &str, &str)] = &[
            ("vip = ", "vipp = ", "unknown key 'vipp' in ap.toml line 1, did you mean 'vip'?"),
            (
                "[api]",
                "[pair]\nask-intervall = \"1s\"\n[api]",
                "unknown key 'ask-intervall' in ap.toml line 11, did you mean 'ask-interval'?",
            ),
            ("[api]", "[apis]", "unknown key 'apis' in ap.toml line 10, did you mean 'api'?"),
            (
                "nic = \"eth1\"",
                "nic = \"eth1\"\nzzz = 1",
                "unknown key 'zzz' in ap.toml line 10, allowed: name, address, nic",
            ),
            (
                "nic = \"eth1\"",
                "nic = 7",
                "ap.toml line 9: host[1].nic = 7: invalid type: integer '7', expected a string",
            ),
            ("192.0.2.10", "192.0.2.300", "ap.toml line 1: vip = \"192.0.2.300\": invalid IPv4 address syntax"),
            (
                "[api]",
                "[pair]\nlease = \"3\"\n[api]",
                "ap.toml line 11: pair.lease = \"3\": '3' is not a duration such as \"100ms\" or \"3s\": time unit needed, for example 3sec or 3ms",
            ),
            (
                "[api]",
                "[keepalived]\nvirtual-router-id = 256\n[api]",
                "ap.toml line 11: keepalived.virtual-router-id = 256: invalid value: integer '256', expected u8",
            ),
            (
                "[api]",
                "[keepalived]\nhooks = \"pipe\"\n[api]",
                "ap.toml line 11: keepalived.hooks = \"pipe\": unknown variant 'pipe', expected 'fifo' or 'notify'",
            ),
            ("unit = \"demo-api.service\"", "", "ap.toml line 10: missing field 'unit'"),
            ("[api]", "[api", "ap.toml line 10: unclosed table, expected ']'"),
            ("192.0.2.11", "192.0.2.10", "ap.toml: vip = 192.0.2.10: must be none of the hosts' own addresses"),
        ];
        for (from, to, expected) in table {
            let error = parse(&GOOD.replacen(from, to, 1), "ap.toml").unwrap_err();
            assert_eq!(error.to_string(), *expected, "{from} -> {to}");
        }
    }

    #[test]
    fn every_problem_of_sense_gets_a_line() {
        let text = GOOD.replace("eth1", "a/b").replace("two", "one");
        let lines = parse(&text, "ap.toml").unwrap_err().to_string();
        assert_eq!(lines.lines().count(), 2, "{lines}");
        assert!(lines.lines().all(|line| line.starts_with("ap.toml: host[1].")), "{lines}");
    }
}
