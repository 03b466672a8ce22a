//! keepalived.conf for one host.

use std::fmt;
use std::time::Duration;

use anyhow::Result;
use ap_core::config::{Hooks, Span};
use ap_core::exit::Exit;

use super::{Node, fill};
use crate::failure::Failure;

const TEMPLATE: &str = include_str!("../../../../../keepalived/keepalived.conf");

/// High, so that on priority 0 the peer waits only (256 - priority)/256 of an
/// advert; different, so that two masters settle in a known way. 255 would mean
/// the owner of the address.
const PRIORITY_FIRST: &str = "254";
const PRIORITY_SECOND: &str = "250";

/// keepalived's version: "v2.2.7".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u16, pub u16, pub u16);

impl Version {
    /// Intervals and timeouts of scripts with a fraction of a second.
    const FRACTIONS: Self = Self(2, 3, 2);
    /// `keepalived -t` ends with a status that says whether it found errors. That of
    /// Debian 11 (2.1.5) ends with 0 and only prints them.
    pub const TEST_STATUS: Self = Self(2, 2, 0);

    /// Finds the version in what `keepalived --version` prints:
    /// "Keepalived v2.2.7 (01/16,2022)".
    pub fn find(text: &str) -> Option<Self> {
        let word = text
            .split_ascii_whitespace()
            .find_map(|word| word.strip_prefix('v').filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit())))?;
        let mut numbers = word.split(|c: char| !c.is_ascii_digit()).map(|number| number.parse().unwrap_or(0));
        Some(Self(numbers.next()?, numbers.next()?, numbers.next().unwrap_or(0)))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

/// The text of keepalived.conf.
///
/// # Errors
/// A time that this version of keepalived cannot express.
pub fn text(node: &Node) -> Result<String> {
    let config = node.config;
    let first = config.host.first() == Some(node.own);
    let programs = config.paths.programs.display().to_string();
    let path = node.path.display().to_string();
    let interval = check_time(node, "check.interval", config.check.interval)?;
    let timeout = check_time(node, "check.timeout", config.check.timeout)?;
    let (notify_fifo, notify) = match config.keepalived.hooks {
        Hooks::Fifo => (format!("vrrp_notify_fifo {}", config.fifo().display()), String::new()),
        Hooks::Notify => (String::new(), format!("notify \"{programs}/ap-notify --config {path}\"")),
    };
    fill(
        "keepalived.conf",
        TEMPLATE,
        &[
            ("codename", &config.codename),
            ("host", &node.own.name),
            ("peer", &node.peer.name),
            ("programs", &programs),
            ("config", &path),
            ("run", &config.run_dir().display().to_string()),
            ("notify-fifo", &notify_fifo),
            ("notify", &notify),
            ("interval", &interval),
            ("timeout", &timeout),
            ("fall", &config.check.fall.to_string()),
            ("rise", &config.check.rise.to_string()),
            ("nic", &node.own.nic),
            ("virtual-router-id", &config.keepalived.virtual_router_id.to_string()),
            ("priority", if first { PRIORITY_FIRST } else { PRIORITY_SECOND }),
            ("advert-interval", &seconds(config.keepalived.advert_interval.get())),
            ("address", &node.own.address.to_string()),
            ("peer-address", &node.peer.address.to_string()),
            ("vip", &config.vip.to_string()),
        ],
    )
}

/// A time of the checks, refused rather than rounded where only whole seconds will do.
fn check_time(node: &Node, key: &str, time: Span) -> Result<String> {
    if node.keepalived < Version::FRACTIONS && time.get().subsec_nanos() != 0 {
        let text = format!(
            "{key} = {time}: keepalived {} takes whole seconds only; fractions need {} or newer",
            node.keepalived,
            Version::FRACTIONS
        );
        return Err(Failure::new(Exit::Config, text).into());
    }
    Ok(seconds(time.get()))
}

/// Seconds as keepalived reads them: "2", "0.1".
fn seconds(time: Duration) -> String {
    let text = format!("{}.{:06}", time.as_secs(), time.subsec_micros());
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions() {
        let table = [
            ("Keepalived v2.2.7 (01/16,2022)\n\nCopyright", Some(Version(2, 2, 7))),
            ("Keepalived v2.3.3 (03/30,2025), git commit v2.3.2+", Some(Version(2, 3, 3))),
            ("Keepalived v2.1", Some(Version(2, 1, 0))),
            ("verbose vintage", None),
        ];
        for (text, expected) in table {
            assert_eq!(Version::find(text), expected, "{text}");
        }
        assert!(Version(2, 2, 7) < Version::FRACTIONS && Version(2, 10, 0) > Version::FRACTIONS);
    }

    #[test]
    fn times() {
        for (millis, expected) in [(2000, "2"), (100, "0.1"), (1250, "1.25"), (10, "0.01"), (20_000, "20")] {
            assert_eq!(seconds(Duration::from_millis(millis)), expected);
        }
    }
}
