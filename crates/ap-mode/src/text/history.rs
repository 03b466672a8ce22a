//! What happened, for people.

use std::fmt::Write;

use ap_core::event::Event;

use super::{Paint, Tone, WIDTH, hang, moment};

/// Each event with everything that is kept of it.
pub fn full(events: &[Event], paint: Paint) -> String {
    let mut text = String::new();
    for (event, more) in runs(events) {
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&headline(event, paint));
        let mut field = |name: &str, value: &str| {
            if !value.is_empty() {
                text.push_str(&hang(&format!("  {name:<6}"), value));
            }
        };
        field("why", &event.text);
        field("who", &event.who);
        field("seen", &event.evidence);
        for step in &event.steps {
            text.push_str(&hang(&format!("  {:>8.1} ms  ", step.ms), &step.step));
            if let Some(error) = &step.error {
                text.push_str(&hang("     FAILED  ", error));
            }
        }
        if let Some(last) = more.last() {
            let _ = writeln!(text, "  repeated {} times until {}", more.len(), moment(&last.at));
        }
    }
    text
}

/// One line for each event.
pub fn brief(events: &[Event], paint: Paint) -> String {
    runs(events)
        .map(|(event, more)| {
            let times = if more.is_empty() { String::new() } else { format!(" x{}", more.len() + 1) };
            let start = format!("{} {:<8}", moment(&event.at), event.outcome);
            let rest: String = format!("{}{times}: {}", event.cause, event.text)
                .chars()
                .map(|c| if c.is_control() { ' ' } else { c })
                .take(WIDTH - start.chars().count())
                .collect();
            format!("{}{rest}\n", start.replacen(&event.outcome, &paint.tone(tone(event), &event.outcome), 1))
        })
        .collect()
}

fn headline(event: &Event, paint: Paint) -> String {
    let took = if event.steps.is_empty() { String::new() } else { format!(", {:.0} ms", event.total_ms()) };
    let start = format!("{}  ", moment(&event.at));
    let text = hang(&start, &format!("{}: {}{took}", event.cause, event.outcome));
    text.replacen(&event.outcome, &paint.tone(tone(event), &event.outcome), 1)
}

fn tone(event: &Event) -> Tone {
    match event.outcome.as_str() {
        "done" => Tone::Good,
        "failed" => Tone::Bad,
        "refused" | "alert" => Tone::Warn,
        _ => Tone::Plain,
    }
}

/// Events of which the next ones are mere repetitions, with those.
fn runs(events: &[Event]) -> impl Iterator<Item = (&Event, &[Event])> {
    let same = |a: &Event, b: &Event| (&a.cause, &a.outcome, &a.text) == (&b.cause, &b.outcome, &b.text);
    events.chunk_by(same).filter_map(<[Event]>::split_first)
}

#[cfg(test)]
mod tests {
    use ap_core::event::StepTime;

    use super::*;

    #[test]
    fn an_event_in_full_and_in_brief() {
        let event = Event {
            at: "2026-08-05T09:14:03.250Z".into(),
            cause: "keepalived says MASTER".into(),
            who: "keepalived".into(),
            evidence: "mode ap, role standby".into(),
            outcome: "done".into(),
            text: "promoting".into(),
            steps: vec![StepTime { step: "SQL   STOP SLAVE".into(), ms: 12.34, error: Some("no\nanswer".into()) }],
            ..Event::default()
        };
        let events = [event.clone(), event.clone(), Event { outcome: "nothing".into(), ..event }];
        let paint = Paint::plain();
        let expected = "2026-08-05 09:14:03Z  keepalived says MASTER: done, 12 ms
  why   promoting
  who   keepalived
  seen  mode ap, role standby
      12.3 ms  SQL STOP SLAVE
     FAILED  no answer
  repeated 1 times until 2026-08-05 09:14:03Z
";
        assert_eq!(full(&events[..2], paint), expected);
        assert_eq!(
            brief(&events, paint),
            "2026-08-05 09:14:03Z done    keepalived says MASTER x2: promoting\n\
             2026-08-05 09:14:03Z nothing keepalived says MASTER: promoting\n"
        );
    }
}
