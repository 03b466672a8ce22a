//! Whether the VIP is here, told as soon as it changes: a peer that was just made
//! MASTER depends on it.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use ap_core::agent::{Input, Seen};
use ap_net::{Changes, Net};

use super::spawn;

/// Looked at again after this long without news.
const QUIET: Duration = Duration::from_secs(10);
/// Pause after the kernel's news broke off.
const BROKEN: Duration = Duration::from_millis(100);

/// Watches for ever.
///
/// # Errors
/// The kernel does not tell of changes, or the thread cannot be started.
pub fn watch(net: Arc<dyn Net>, vip: Ipv4Addr, inputs: Sender<Input>) -> Result<()> {
    // Before the first look, which then misses nothing.
    let mut changes = net.watch()?;
    spawn("watch", move || {
        loop {
            let at = ap_host::boottime();
            let here = net.own_addresses().is_ok_and(|addresses| addresses.contains(&vip));
            if inputs.send(Input::Seen { at, what: Seen::Vip(here) }).is_err() {
                return;
            }
            changes = next(net.as_ref(), changes);
        }
    })
}

/// Waits until it is time to look again.
fn next(net: &dyn Net, changes: Box<dyn Changes>) -> Box<dyn Changes> {
    let Err(error) = changes.changed(Instant::now() + QUIET) else { return changes };
    log::error!("{error:#}");
    thread::sleep(BROKEN);
    match net.watch() {
        Ok(anew) => anew,
        Err(error) => {
            log::error!("{error:#}");
            changes
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use ap_net::Nic;
    use ap_net::fake::{FakeNet, held};

    use super::*;

    #[test]
    fn the_first_look_and_every_change_are_told() {
        let net = Arc::new(FakeNet::default());
        let vip = Ipv4Addr::new(192, 0, 2, 10);
        let (inputs, receiver) = channel();
        watch(net.clone(), vip, inputs).unwrap();
        let seen = || match receiver.recv_timeout(Duration::from_secs(5)).unwrap() {
            Input::Seen { what: Seen::Vip(here), .. } => here,
            other => panic!("{other:?}"),
        };
        assert!(!seen());
        *held(&net.nics) = vec![Nic { name: "eth0".into(), up: true, carrier: true, addresses: vec![vip] }];
        while !seen() {}
    }
}
