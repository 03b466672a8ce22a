//! The exposition format.

use std::fmt::Write;

/// A page of gauges that share some labels.
pub struct Page {
    common: String,
    text: String,
    last: &'static str,
}

impl Page {
    /// With labels that every line bears.
    pub fn new(common: &[(&str, &str)]) -> Self {
        Self { common: labels(common), text: String::new(), last: "" }
    }

    /// One value.
    pub fn gauge(&mut self, name: &'static str, help: &str, value: f64) {
        self.with(name, help, &[], value);
    }

    /// One of several values, told apart by labels; call for all of a name in a row.
    pub fn with(&mut self, name: &'static str, help: &str, own: &[(&str, &str)], value: f64) {
        if self.last != name {
            let _ = write!(self.text, "# HELP {name} {help}\n# TYPE {name} gauge\n");
            self.last = name;
        }
        let own = labels(own);
        let comma = if own.is_empty() { "" } else { "," };
        let _ = writeln!(self.text, "{name}{{{}{comma}{own}}} {value}", self.common);
    }

    /// The text, ended as the format wants it.
    pub fn text(self) -> String {
        self.text
    }
}

fn labels(pairs: &[(&str, &str)]) -> String {
    let quoted = |value: &str| value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    pairs.iter().map(|(name, value)| format!("{name}=\"{}\"", quoted(value))).collect::<Vec<_>>().join(",")
}
