//! The node as the executor holds it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, anyhow};
use ap_core::config::{Config, Host};
use ap_core::protection::Active;
use ap_core::state::State;
use ap_db::{Credentials, Database, MariaDb};
use ap_host::store::Store;
use ap_net::{Kernel, Net};
use ap_systemd::{Systemd, Units};

use crate::events::Events;
use crate::serve::inbox::Inbox;
use crate::shared::Shared;

/// Longest answer of systemd to a single call.
const DBUS: Duration = Duration::from_secs(5);
/// The same where something more urgent may come meanwhile: a promotion has the
/// length of a lease (F17).
const GLANCE: Duration = Duration::from_secs(1);

/// What fails again and again is told again after this.
const TELL_AGAIN: Duration = Duration::from_secs(60);

/// This host, its peer, and the means to change things.
pub struct Node {
    /// Where the configuration lies.
    pub config_path: PathBuf,
    /// The configuration.
    pub config: Arc<Config>,
    /// This host.
    pub own: Host,
    /// The other one.
    pub peer: Host,
    /// Secrets.
    pub credentials: Credentials,
    /// systemd.
    pub units: Box<dyn Units>,
    /// systemd, asked in passing: given up on soon.
    pub glance: Box<dyn Units>,
    /// When it last did not answer such a question (time since boot).
    pub deaf: Option<Duration>,
    /// The network.
    pub net: Box<dyn Net + Send>,
    /// What is kept.
    pub store: Store,
    /// What is told.
    pub events: Events,
    /// What the threads know.
    pub shared: Arc<Shared>,
    /// What waits; `None` where nothing is executed.
    pub inbox: Option<Inbox>,
    /// The active's half of the protection, while this node is active in a pair.
    pub active: Option<Active>,
    /// The executor's own connection to the database.
    pub db: Box<dyn Database>,
    /// The request under way, for replies.
    pub request: Option<String>,
    /// When the last step ended (time since boot).
    pub acted: Duration,
    /// The fence command since the peer fell silent.
    pub fence: crate::execute::fence::Fence,
    /// When a promotion was last refused (time since boot).
    pub refused: Option<Duration>,
    /// When it was refused because VRRP does not get through.
    pub blocked: Option<Duration>,
    /// What was last said to have failed, and when.
    pub failing: Option<(String, Duration)>,
    /// Since when this node has been cut off.
    pub cut_off: Option<Duration>,
}

impl Node {
    /// Reads what is needed to be the configured node.
    ///
    /// # Errors
    /// The configuration, the credentials or the state are unusable, or this
    /// machine is neither host.
    pub fn open(config_path: &Path) -> Result<Self> {
        let config = Arc::new(ap_host::load_config(config_path)?);
        let net = Kernel;
        let addresses = net.own_addresses()?;
        let (own, peer) = ap_host::own::locate(&config, &addresses).ok_or_else(|| not_here(&config))?;
        let (own, peer) = (own.clone(), peer.clone());
        if let Err(error) = ap_host::own::remember(&config, &own) {
            // A full disk: with its address it is found again all the same.
            log::warn!("failed to write down that this is {}: {error}", own.name);
        }
        let credentials = Credentials::read(&config.database.credentials)?;
        let store = Store::new(&config);
        let state = store.state()?;
        let shared = Arc::new(Shared::new(&config, &store, state));
        Ok(Self {
            config_path: config_path.to_owned(),
            events: Events::new(&config, &own.name, shared.clone()),
            units: Box::new(Systemd::new(DBUS)),
            glance: Box::new(Systemd::new(GLANCE)),
            deaf: None,
            net: Box::new(net),
            store,
            shared,
            inbox: None,
            active: None,
            db: Box::new(MariaDb::new(&config.database.socket, &credentials, config.database.timeout.get())),
            request: None,
            acted: Duration::ZERO,
            fence: crate::execute::fence::Fence::default(),
            refused: None,
            blocked: None,
            failing: None,
            cut_off: None,
            own,
            peer,
            credentials,
            config,
        })
    }

    /// The state as last written.
    pub fn state(&self) -> State {
        self.shared.facts().state.clone()
    }

    /// Whether a failure is worth telling: what fails at each look is told once a minute.
    pub fn is_news(&mut self, said: &str) -> bool {
        let now = ap_host::boottime();
        let told = |(text, at): &(String, Duration)| text == said && now.saturating_sub(*at) < TELL_AGAIN;
        let news = !self.failing.as_ref().is_some_and(told);
        if news {
            self.failing = Some((said.to_owned(), now));
        }
        news
    }

    /// Writes a state, durably, and only then lets the threads see it.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn save(&self, state: State) -> Result<()> {
        self.store.save(&state)?;
        self.shared.facts().state = state;
        Ok(())
    }
}

fn not_here(config: &Config) -> anyhow::Error {
    let hosts: Vec<String> = config.host.iter().map(|host| format!("{} ({})", host.name, host.address)).collect();
    anyhow!("this machine carries the address of neither or of both of {}", hosts.join(" and "))
}
