//! What a message names to be typed, and where: as somebody reads it who types nothing
//! else.

use ap_core::message::Verb;
use ap_core::mode::{Mode, Role};

/// Where a command is to be typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Where {
    /// On the host that the message is about.
    Here,
    /// On "it", of which the message speaks.
    It,
    /// On the other host.
    Other,
}

/// A command that is named.
#[derive(Debug, Clone, PartialEq)]
pub struct Advice {
    /// The command.
    pub verb: Verb,
    /// Where.
    pub at: Where,
}

/// Everything that a message names, in its order.
pub fn advice(text: &str) -> Vec<Advice> {
    let mut named = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("`ap-mode ") {
        let Some((command, after)) = after.split_once('`') else { break };
        // This pair is not.
        let fresh = before.rsplit(['(', ';', '`']).next().is_some_and(|it| it.contains("on a fresh pair"));
        let remark = after.split_once('`').map_or(after, |(remark, _)| remark);
        rest = after;
        let Some(verb) = verb(command).filter(|_| !fresh) else { continue };
        let at = place(remark);
        named.push(Advice { verb: verb.clone(), at });
        if remark.contains(", then on ") {
            named.push(Advice { verb, at: Where::Here });
        }
    }
    named
}

fn place(remark: &str) -> Where {
    let remark = remark.split([',', ';']).next().unwrap_or_default();
    if remark.contains("on the other") {
        Where::Other
    } else if ["on it", "there", "on the host that", "on the active"].iter().any(|it| remark.contains(it)) {
        Where::It
    } else {
        Where::Here
    }
}

fn verb(command: &str) -> Option<Verb> {
    let mut words = command.split(' ');
    let first = words.next()?;
    let words: Vec<&str> = words.collect();
    Some(match first {
        "set" => Verb::Set {
            mode: match *words.first()? {
                "m" => Mode::M,
                "s" => Mode::S,
                "ap" => Mode::Ap,
                _ => return None,
            },
            role: words.contains(&"active").then_some(Role::Active),
            reseed: words.contains(&"--reseed"),
        },
        "start" => Verb::Start,
        "stop" => Verb::Stop,
        "restart" => Verb::Restart,
        "switchover" => Verb::Switchover,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(String, Where)> {
        advice(text).into_iter().map(|it| (it.verb.to_string(), it.at)).collect()
    }

    #[test]
    fn messages_are_read_as_they_are_written() {
        let set = |mode: &str, at| (format!("set {mode}"), at);
        for (text, named) in [
            ("a is in m: x; `ap-mode set ap` on it", vec![set("ap", Where::It)]),
            (
                "way back: `ap-mode set ap` on the other node, then on a",
                vec![set("ap", Where::Other), set("ap", Where::Here)],
            ),
            ("`ap-mode set s` on it (on a fresh pair `ap-mode set ap --role active`)", vec![set("s", Where::It)]),
            (
                "this node's data is newer: `ap-mode set s` here, after `ap-mode set m` there",
                vec![set("s", Where::Here), set("m", Where::It)],
            ),
            ("look at `ap-mode status`", vec![]),
        ] {
            assert_eq!(read(text), named, "{text}");
        }
    }
}
