//! Jobs: what systemd queues when a unit is to start or stop.

use anyhow::{Context, Result, bail};
use zbus::MatchRule;
use zbus::blocking::{Connection, MessageIterator};
use zbus::message::Message;
use zbus::zvariant::{DynamicType, OwnedObjectPath, OwnedValue};

use crate::bus::unless;

const SYSTEMD: &str = "org.freedesktop.systemd1";
const ROOT: &str = "/org/freedesktop/systemd1";
const MANAGER: &str = "org.freedesktop.systemd1.Manager";
const PROPERTIES: &str = "org.freedesktop.DBus.Properties";

/// Signals that may wait while one is looked at. Above it, D-Bus waits for us.
const QUEUE: usize = 256;

/// Calls a method of the manager.
pub fn manager<B>(bus: &Connection, method: &str, body: &B) -> Result<Message>
where
    B: serde::ser::Serialize + DynamicType,
{
    bus.call_method(Some(SYSTEMD), ROOT, Some(MANAGER), method, body).with_context(|| format!("{method} failed"))
}

/// A property of a unit or of the manager, as text or number.
fn property(bus: &Connection, path: &str, interface: &str, name: &str) -> Result<OwnedValue> {
    let reply = bus
        .call_method(Some(SYSTEMD), path, Some(PROPERTIES), "Get", &(interface, name))
        .with_context(|| format!("failed to read {name}"))?;
    Ok(reply.body().deserialize()?)
}

/// The manager's property `name`, a text.
pub fn manager_text(bus: &Connection, name: &str) -> Result<String> {
    Ok(property(bus, ROOT, MANAGER, name)?.try_into()?)
}

/// Asks for signals. systemd sends none to a bus nobody subscribed on.
fn subscribe(bus: &Connection) -> Result<()> {
    let result = manager(bus, "Subscribe", &()).map(drop);
    unless(result, &["org.freedesktop.systemd1.AlreadySubscribed"])
}

/// `StartUnit`, `StopUnit` or `RestartUnit`, without waiting for the job.
fn queue(bus: &Connection, method: &str, unit: &str) -> Result<Message> {
    manager(bus, method, &(unit, "replace"))
}

/// Queues a job and waits until it is gone. Ends with the connection.
pub fn run(bus: &Connection, method: &str, unit: &str) -> Result<()> {
    subscribe(bus)?;
    // Before the call: a short job is over before its number is known here.
    let rule = MatchRule::builder()
        .msg_type(zbus::message::Type::Signal)
        .interface(MANAGER)?
        .member("JobRemoved")?
        .path(ROOT)?
        .build();
    let removed = MessageIterator::for_match_rule(rule, bus, Some(QUEUE))?;
    let reply = queue(bus, method, unit)?;
    let job: OwnedObjectPath = reply.body().deserialize()?;
    for signal in removed {
        let signal = signal?;
        // Anybody on the bus may send such a signal; only systemd's counts.
        if signal.header().sender() != reply.header().sender() {
            continue;
        }
        let body = signal.body();
        let (_, path, _, result): (u32, OwnedObjectPath, String, String) = body.deserialize()?;
        if path == job {
            return finished(&result, unit);
        }
    }
    bail!("D-Bus went away while {unit} was being worked on");
}

/// What the end of a job means; words of `JobRemoved` in org.freedesktop.systemd1(5).
fn finished(result: &str, unit: &str) -> Result<()> {
    match result {
        "done" | "skipped" => Ok(()),
        "failed" => bail!("job failed; see journalctl -u {unit}"),
        "timeout" => bail!("job timed out in systemd; see journalctl -u {unit}"),
        "canceled" => bail!("job canceled by another one"),
        "dependency" => bail!("job failed because a unit it depends on failed"),
        other => bail!("job ended with result '{other}'"),
    }
}

/// Waits until a unit is down. Ends with the connection.
pub fn wait_down(bus: &Connection, unit: &str) -> Result<()> {
    subscribe(bus)?;
    let path: OwnedObjectPath = manager(bus, "LoadUnit", &(unit,))?.body().deserialize()?;
    let rule = MatchRule::builder()
        .msg_type(zbus::message::Type::Signal)
        .interface(PROPERTIES)?
        .member("PropertiesChanged")?
        .path(path.as_str())?
        .build();
    let mut changed = MessageIterator::for_match_rule(rule, bus, Some(QUEUE))?;
    loop {
        let state: String = property(bus, &path, "org.freedesktop.systemd1.Unit", "ActiveState")?.try_into()?;
        if matches!(state.as_str(), "inactive" | "failed") {
            return Ok(());
        }
        match changed.next() {
            Some(signal) => drop(signal?),
            None => bail!("D-Bus went away while {unit} was '{state}'"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_of_jobs() {
        for (result, expected) in [
            ("done", None),
            ("skipped", None),
            ("failed", Some("job failed; see journalctl -u a.service")),
            ("timeout", Some("job timed out in systemd; see journalctl -u a.service")),
            ("canceled", Some("job canceled by another one")),
            ("dependency", Some("job failed because a unit it depends on failed")),
            ("collected", Some("job ended with result 'collected'")),
        ] {
            assert_eq!(finished(result, "a.service").err().map(|e| e.to_string()).as_deref(), expected, "{result}");
        }
    }
}
