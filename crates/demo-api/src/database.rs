//! The store on MariaDB: separate workers for reading, writing and health.

use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use mysql::prelude::Queryable;

use crate::args::{Account, Settings, Timeouts};
use crate::model::{NewUser, Quote, User};
use crate::pool::{Late, Pool};
use crate::sql::Link;
use crate::store::{Failure, Store};

/// Longest a worker stays with one silent commit. Far beyond what any client
/// waits: giving up early would pile up sessions in the server.
const COMMIT_SILENCE: Duration = Duration::from_secs(600);

/// MariaDB. Health has a worker and a connection of its own, so that it is
/// answered also while every commit waits for the standby.
pub struct Database {
    health: Pool<Link>,
    read: Pool<Link>,
    write: Pool<Link>,
    timeouts: Timeouts,
    /// The last verdict on health, so that only changes are logged.
    last: Mutex<Option<Result<(), Failure>>>,
}

impl Database {
    /// Starts the workers; connections are opened when first needed.
    pub fn start(settings: &Settings) -> io::Result<Self> {
        let Settings { account, workers, timeouts, .. } = settings;
        Ok(Self {
            health: Pool::start("health", links(account, 1, timeouts.health))?,
            read: Pool::start("read", links(account, *workers, timeouts.read))?,
            write: Pool::start("write", links(account, *workers, COMMIT_SILENCE))?,
            timeouts: *timeouts,
            last: Mutex::new(None),
        })
    }

    fn reading<T: Send + 'static>(
        &self,
        f: impl Fn(&mut mysql::Conn) -> Result<T, mysql::Error> + Send + 'static,
    ) -> Result<T, Failure> {
        let deadline = self.timeouts.read;
        self.read
            .run(deadline, move |link| link.repeatable(f))
            .unwrap_or_else(|_| Err(Failure::NotDone(silent(deadline))))
    }
}

fn links(account: &Account, count: usize, silence: Duration) -> Vec<Link> {
    (0..count).map(|_| Link::new(account, silence)).collect()
}

fn silent(deadline: Duration) -> String {
    format!("the database gave no answer within {}", humantime::format_duration(deadline))
}

impl Store for Database {
    fn users(&self, after: i64, limit: u32) -> Result<Vec<User>, Failure> {
        self.reading(move |conn| {
            let query = "SELECT id, name FROM users WHERE id > ? ORDER BY id LIMIT ?";
            conn.exec_map(query, (after, limit), |(id, name)| User { id, name })
        })
    }

    fn user(&self, id: i64) -> Result<Option<User>, Failure> {
        self.reading(move |conn| {
            let row = conn.exec_first("SELECT id, name FROM users WHERE id = ?", (id,))?;
            Ok(row.map(|(id, name)| User { id, name }))
        })
    }

    fn add(&self, user: NewUser) -> Result<User, Failure> {
        let deadline = self.timeouts.write;
        match self.write.run(deadline, move |link| link.add(user)) {
            Ok(result) => result,
            Err(Late::NotStarted) => Err(Failure::NotDone("all workers wait for the database".into())),
            Err(Late::Running) => Err(Failure::Unknown(silent(deadline))),
        }
    }

    fn quote(&self) -> Result<Option<Quote>, Failure> {
        self.reading(|conn| {
            let row = conn.query_first("SELECT quote, author FROM quotes ORDER BY RAND() LIMIT 1")?;
            Ok(row.map(|(quote, author)| Quote { quote, author }))
        })
    }

    fn health(&self) -> Result<(), Failure> {
        let deadline = self.timeouts.health;
        // A real table, so that a server which merely accepts connections does not pass.
        let look =
            |link: &mut Link| link.repeatable(|conn| conn.query_drop("SELECT id FROM users ORDER BY id LIMIT 1"));
        let verdict = self.health.run(deadline, look).unwrap_or_else(|_| Err(Failure::NotDone(silent(deadline))));
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.as_ref() != Some(&verdict) {
            match &verdict {
                Ok(()) => log::info!("healthy: the database answers"),
                Err(Failure::NotDone(reason) | Failure::Unknown(reason)) => {
                    log::warn!("unhealthy: {reason}")
                }
                Err(Failure::Duplicate) => {}
            }
            *last = Some(verdict.clone());
        }
        verdict
    }
}
