//! Which of the two hosts this machine is.

use std::net::Ipv4Addr;
use std::path::PathBuf;

use ap_core::config::{Config, Host};

/// This host and its peer: found by the addresses this machine carries, or
/// remembered. A node that has lost its address must still be able to leave, to
/// answer its operator, and to be started again in the middle of both (F2, F12).
/// `None`: it carries the addresses of both, or of neither and was never one of them.
pub fn locate<'a>(config: &'a Config, addresses: &[Ipv4Addr]) -> Option<(&'a Host, &'a Host)> {
    if config.host.iter().any(|host| addresses.contains(&host.address)) {
        return config.locate(addresses);
    }
    let name = std::fs::read_to_string(file(config)).ok()?;
    let host = config.host.iter().find(|host| host.name == name.trim())?;
    config.locate(&[host.address])
}

/// Keeps which host this is.
///
/// # Errors
/// Whatever the file system says.
pub fn remember(config: &Config, own: &Host) -> std::io::Result<()> {
    let (path, text) = (file(config), format!("{}\n", own.name));
    if std::fs::read_to_string(&path).is_ok_and(|old| old == text) {
        return Ok(());
    }
    crate::write_atomically(&path, text.as_bytes(), 0o644)
}

fn file(config: &Config) -> PathBuf {
    config.state_dir().join("host")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_that_has_lost_its_address_is_remembered() {
        let dir = std::env::temp_dir().join(format!("ap-host-own-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let text = format!(
            "vip = \"192.0.2.10\"\n[[host]]\nname = \"one\"\naddress = \"192.0.2.11\"\nnic = \"eth0\"\n\
             [[host]]\nname = \"two\"\naddress = \"192.0.2.12\"\nnic = \"eth0\"\n\
             [api]\nunit = \"api.service\"\n[paths]\nstate = \"{}\"\n",
            dir.display()
        );
        let config = ap_core::config::parse(&text, "test").unwrap();
        let [one, two, stranger] = [11, 12, 13].map(|last| Ipv4Addr::new(192, 0, 2, last));
        let found = |addresses: &[Ipv4Addr]| locate(&config, addresses).map(|(own, _)| own.name.as_str());
        assert_eq!(found(&[stranger]), None);
        remember(&config, &config.host[1]).unwrap();
        let table: [(&[Ipv4Addr], _); 5] = [
            (&[stranger], Some("two")),
            (&[], Some("two")),
            (&[one], Some("one")),
            (&[stranger, two], Some("two")),
            (&[one, two], None),
        ];
        for (addresses, expected) in table {
            assert_eq!(found(addresses), expected, "{addresses:?}");
        }
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
