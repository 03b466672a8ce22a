//! A net without a kernel: what it has is what a test puts in.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use ap_core::answer::Answer;
use ap_core::observed::Gateway;

use crate::{Changes, Net, Nic, Nics, Question};

/// The net of a test.
#[derive(Debug)]
pub struct FakeNet {
    /// The interfaces.
    pub nics: Mutex<Vec<Nic>>,
    /// The hosts made unreachable.
    pub blocked: Mutex<Vec<Ipv4Addr>>,
    /// What the peer says, or why it says nothing.
    pub peer: Mutex<Result<Answer, String>>,
    /// What the witnesses say.
    pub gateway: Mutex<Gateway>,
}

impl Default for FakeNet {
    /// No interfaces, a silent peer, a gateway that answers.
    fn default() -> Self {
        Self {
            nics: Mutex::default(),
            blocked: Mutex::default(),
            peer: Mutex::new(Err("unreachable".into())),
            gateway: Mutex::new(Gateway::Answers),
        }
    }
}

/// What is inside; a test that panicked while holding it is no reason to panic here.
pub fn held<T>(inside: &Mutex<T>) -> MutexGuard<'_, T> {
    inside.lock().unwrap_or_else(PoisonError::into_inner)
}

impl FakeNet {
    fn change<T>(&self, nic: &str, change: impl FnOnce(&mut Nic) -> T) -> Result<T> {
        let mut nics = held(&self.nics);
        let nic = nics.iter_mut().find(|known| known.name == nic).context("no such interface")?;
        Ok(change(nic))
    }
}

impl Net for FakeNet {
    fn nics(&self) -> Result<Nics> {
        Ok(Nics(held(&self.nics).clone()))
    }

    fn add_address(&self, nic: &str, address: Ipv4Addr) -> Result<()> {
        self.remove_address(nic, address)?;
        self.change(nic, |nic| nic.addresses.push(address))
    }

    fn remove_address(&self, nic: &str, address: Ipv4Addr) -> Result<()> {
        self.change(nic, |nic| nic.addresses.retain(|known| *known != address))
    }

    fn block(&self, host: Ipv4Addr) -> Result<()> {
        self.unblock(host)?;
        held(&self.blocked).push(host);
        Ok(())
    }

    fn unblock(&self, host: Ipv4Addr) -> Result<()> {
        held(&self.blocked).retain(|known| *known != host);
        Ok(())
    }

    fn ask(&self, question: &Question<'_>) -> Result<Answer> {
        if held(&self.blocked).contains(question.to.ip()) {
            bail!("blocked");
        }
        held(&self.peer).clone().map_err(|why| anyhow!(why))
    }

    fn gateway(&self, _: &[IpAddr], _: Ipv4Addr, _: Duration) -> Gateway {
        *held(&self.gateway)
    }

    fn watch(&self) -> Result<Box<dyn Changes>> {
        Ok(Box::new(Perhaps))
    }
}

/// Says every few milliseconds that something may have changed: a test changes the
/// interfaces directly.
struct Perhaps;

impl Changes for Perhaps {
    fn changed(&self, until: Instant) -> Result<bool> {
        const OFTEN: Duration = Duration::from_millis(5);
        let left = until.saturating_duration_since(Instant::now());
        std::thread::sleep(left.min(OFTEN));
        Ok(left > OFTEN)
    }
}
