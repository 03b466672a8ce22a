//! Both nodes in one table, 80 columns wide.

use std::fmt::Write;
use std::time::Duration;

use ap_core::event::Brief;
use ap_core::exit::Level;
use ap_core::mode::{Mode, Role, Vrrp};
use ap_core::status::{Access, Facts, Row, Status, Streaming};

use super::{Paint, Tone, WIDTH, hang, long, moment, wrap};

/// Width of the names on the left.
const NAMES: usize = 12;
/// Width of one node's column; a space before each.
const COLUMN: usize = (WIDTH - NAMES - 2) / 2;

/// What stands in one field.
struct Cell(Tone, String);

impl Cell {
    fn plain(text: impl Into<String>) -> Self {
        Self(Tone::Plain, text.into())
    }
}

type Field = (&'static str, fn(&Facts) -> Cell);

/// The rows of the table, top to bottom.
const FIELDS: [Field; 12] = [
    ("role", role),
    ("mode", |facts| Cell::plain(format!("{}, epoch {}", facts.mode, facts.epoch))),
    ("since", |facts| Cell::plain(format!("{} {}: {}", moment(&facts.since), facts.who, facts.why))),
    ("VRRP", vrrp),
    ("VIP", |facts| if facts.vip { Cell(Tone::Bold, "here".into()) } else { Cell::plain("-") }),
    ("API", api),
    ("database", database),
    ("replication", replication),
    ("lease", lease),
    ("protected", protected),
    ("doing", |facts| Cell::plain(facts.doing.clone())),
    ("last event", |facts| Cell::plain(facts.last_event.as_ref().map(event).unwrap_or_default())),
];

/// The headline, everything that is not as it should be, and the table.
pub fn table(status: &Status, paint: Paint) -> String {
    let word = status.level.as_str();
    let tone = match status.level {
        Level::Ok => Tone::Good,
        Level::Warning => Tone::Warn,
        Level::Critical | Level::Unknown => Tone::Bad,
    };
    // Nagios shows the first line; the tone is put on afterwards, it has no width.
    let mut text = hang(&format!("{word}: "), &status.summary).replacen(word, &paint.tone(tone, word), 1);
    for finding in &status.findings {
        text.push_str(&hang("  - ", &finding.text));
    }
    text.push('\n');
    let heads = status.nodes.each_ref().map(|row| Cell(Tone::Bold, head(row)));
    line(&mut text, "", heads, paint);
    for (name, field) in FIELDS {
        let cells = status.nodes.each_ref().map(|row| match &row.facts {
            Some(facts) if row.reachable => field(facts),
            Some(facts) => Cell(Tone::Dim, field(facts).1),
            None => Cell(Tone::Dim, "unknown".into()),
        });
        if cells.iter().any(|cell| !cell.1.is_empty()) {
            line(&mut text, name, cells, paint);
        }
    }
    text
}

fn head(row: &Row) -> String {
    let here = if row.here { " (this node)" } else { "" };
    match (&row.silence, row.heard_ms) {
        (None, _) => format!("{}{here}", row.host),
        (Some(_), Some(0)) => format!("{}{here}, without ap-notify", row.host),
        (Some(_), Some(ms)) => format!("{}{here}, SILENT, as of {} ago", row.host, long(Duration::from_millis(ms))),
        (Some(_), None) => format!("{}{here}, SILENT, never heard", row.host),
    }
}

/// One row, as many lines as its longer cell needs.
fn line(text: &mut String, name: &str, cells: [Cell; 2], paint: Paint) {
    let wrapped = cells.each_ref().map(|cell| wrap(&cell.1, COLUMN));
    let height = wrapped.iter().map(Vec::len).max().unwrap_or(0);
    for number in 0..height {
        let mut line = format!("{:<NAMES$}", if number == 0 { name } else { "" });
        for (Cell(tone, _), column) in cells.iter().zip(&wrapped) {
            let part = column.get(number).map_or("", String::as_str);
            let pad = COLUMN - part.chars().count();
            let _ = write!(line, " {}{:pad$}", paint.tone(*tone, part), "");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
}

fn role(facts: &Facts) -> Cell {
    let resting = !facts.started && facts.mode != Mode::M;
    let flags =
        [(facts.solo, "SOLO"), (facts.fenced, "fenced"), (facts.promoting, "promoting"), (resting, "not started")];
    let flags: Vec<&str> = flags.iter().filter_map(|(is, word)| is.then_some(*word)).collect();
    let tone = if flags.is_empty() { Tone::Plain } else { Tone::Warn };
    let role = facts.role.as_str();
    Cell(tone, if flags.is_empty() { role.into() } else { format!("{role}, {}", flags.join(", ")) })
}

fn vrrp(facts: &Facts) -> Cell {
    match facts.vrrp {
        Some(word @ (Vrrp::Master | Vrrp::Backup)) => Cell::plain(word.as_str()),
        Some(word) => Cell(Tone::Bad, word.as_str().into()),
        None => Cell::plain("-"),
    }
}

fn api(facts: &Facts) -> Cell {
    match facts.checks.get("api") {
        Some(verdict) if verdict.good => Cell(Tone::Good, "good".into()),
        Some(verdict) => Cell(Tone::Bad, format!("BAD: {}", verdict.reason)),
        None => Cell::plain("not checked lately"),
    }
}

fn database(facts: &Facts) -> Cell {
    let version = facts.database_version.split('-').next().unwrap_or_default();
    match facts.database {
        Access::Writable => Cell(Tone::Good, format!("writable, {version}")),
        Access::ReadOnly => Cell::plain(format!("read-only, {version}")),
        Access::Down if facts.mode == Mode::M || !facts.started => Cell::plain("down"),
        Access::Down => Cell(Tone::Bad, "DOWN".into()),
    }
}

fn replication(facts: &Facts) -> Cell {
    let r = &facts.replication;
    let semi_sync = if r.semi_sync { "semi-sync on" } else { "semi-sync off" };
    let count = |number: Option<u64>| number.map_or("?".into(), |number| number.to_string());
    match r.state {
        Streaming::Streaming => Cell(
            Tone::Good,
            format!("streaming, {} s / {} trx behind, {semi_sync}", count(r.lag_seconds), count(r.lag_transactions)),
        ),
        Streaming::Stopped if !facts.started => Cell::plain("stopped"),
        Streaming::Stopped => Cell(Tone::Bad, format!("STOPPED {}", r.error)),
        Streaming::None if facts.database == Access::Down => Cell::plain("-"),
        Streaming::None if r.waiting > 0 => Cell(Tone::Warn, format!("{semi_sync}, {} commits wait", r.waiting)),
        Streaming::None => Cell::plain(semi_sync),
    }
}

fn lease(facts: &Facts) -> Cell {
    match (facts.mode, facts.role) {
        (Mode::Ap, Role::Standby) if facts.lease.left_ms > 0 => {
            Cell::plain(format!("{}.{} s left", facts.lease.left_ms / 1000, facts.lease.left_ms % 1000 / 100))
        }
        (Mode::Ap, Role::Standby) => Cell(Tone::Warn, "none".into()),
        _ if facts.lease.granted => Cell::plain("granted"),
        (Mode::Ap, Role::Active) => Cell(Tone::Warn, "not granted".into()),
        _ => Cell::plain("-"),
    }
}

fn protected(facts: &Facts) -> Cell {
    let time = long(Duration::from_millis(facts.protected_ms));
    // The sentence begins with the word, for logs.
    let why = facts.protection.split_once(": ").map_or(facts.protection.as_str(), |(_, why)| why);
    if facts.protected {
        Cell(Tone::Good, format!("yes, for {time}"))
    } else {
        Cell(Tone::Warn, format!("NO, for {time}: {why}"))
    }
}

fn event(event: &Brief) -> String {
    format!("{} {}, {}: {}", moment(&event.at), event.cause, event.outcome, event.text)
}

#[cfg(test)]
mod tests {
    use ap_core::answer::Answer;
    use ap_core::status::{Last, Sight, status};

    use super::*;

    const STANDBY: &str = r#"{"host":"b","codename":"ap","version":"0.1.0","mode":"ap","role":"standby",
"epoch":3,"solo":false,"fenced":false,"promoting":false,"grant":null,"lease":true,"relay":"r","vrrp":"BACKUP",
"vip":false,"gateway":"answers","writable":false,"db-version":"10.11.19-MariaDB","binlog-pos":"0-1-4",
"slave-pos":"0-1-4","io-pos":"0-1-4","binlog-state":"0-1-4","user-tables":1,"replicating":true,
"doing":"","since":"2026-08-05T09:14:03.250Z","who":"operator root","why":"standby of its peer","protected":true,
"protection":"PROTECTED: holds a lease","report":{"started":true,"lease-ms":2750,"protected-ms":61000,"behind":0,
"semi-sync":true,"checks":{"api":{"good":true,"reason":"200"}}}}"#;

    #[test]
    fn the_table() {
        let standby: Answer = serde_json::from_str(STANDBY).unwrap();
        let mut active = standby.clone();
        (active.host, active.role, active.vip, active.writable) = ("a".into(), Role::Active, true, Some(true));
        (active.vrrp, active.replicating, active.grant) = (Some(Vrrp::Master), false, Some("r".into()));
        active.binlog_pos = "0-1-6".parse().unwrap();
        let here = Sight { host: "a".into(), here: true, now: Ok(active), last: None };
        let there = Sight { host: "b".into(), here: false, now: Ok(standby.clone()), last: None };
        let vip = [192, 0, 2, 10].into();
        let text = table(&status(vip, &here, &there), Paint::plain());
        let expected = "OK: a serves 192.0.2.10, each acknowledged write is on both nodes

             a (this node)                     b
role         active                            standby
mode         ap, epoch 3                       ap, epoch 3
since        2026-08-05 09:14:03Z operator     2026-08-05 09:14:03Z operator
             root: standby of its peer         root: standby of its peer
VRRP         MASTER                            BACKUP
VIP          here                              -
API          good                              good
database     writable, 10.11.19                read-only, 10.11.19
replication  semi-sync on                      streaming, 0 s / 2 trx behind,
                                               semi-sync on
lease        granted                           2.7 s left
protected    yes, for 1 min                    yes, for 1 min
";
        assert_eq!(text, expected);

        let mut long = standby;
        long.why = "x".repeat(200);
        let last = Some(Last { answer: long, at: "2026-08-05T09:14:03Z".into(), age_ms: 5_400_000 });
        let silent = Sight { now: Err("no route ".repeat(40)), last, ..there.clone() };
        let text = table(&status(vip, &here, &silent), Paint::plain());
        assert!(text.starts_with("WARNING: a serves 192.0.2.10"), "{text}");
        assert!(text.contains("b, SILENT, as of 1 h 30 min ago"), "{text}");
        let never = table(&status(vip, &here, &Sight { last: None, ..silent }), Paint::plain());
        assert!(never.contains("b, SILENT, never heard") && never.contains("unknown"), "{never}");
        let widest = text.lines().chain(never.lines()).map(|line| line.chars().count()).max();
        assert!(widest <= Some(WIDTH), "{widest:?}: {text}");
    }
}
