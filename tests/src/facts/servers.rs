//! A master and its semi-sync replica on the nodes of a pair, with the settings of
//! `ap-mode install`, and the clients of either.

use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use ap_core::sql::{self as product, FOREVER_MS, Settings, Sql, mariadb_settings};
use mysql::prelude::Queryable;
use mysql::{Conn, OptsBuilder};
use nix::sys::signal::Signal;

use super::{WHILE, third};
use crate::node::Node;
use crate::pair::Pair;
use crate::sql::{PASSWORD, SCHEMA, USER};
use crate::wait::{Seen, equals, wait_for};

/// How long a server gets to do what a fact says.
pub const SOON: Duration = Duration::from_secs(10);
/// A server that does not answer for that long never will.
const ANSWER: Duration = Duration::from_secs(30);
/// Its unit.
pub const UNIT: &str = "mariadb.service";
/// As the product has it: what died comes back only by a decision.
const DROP_IN: &[u8] = b"[Unit]\nStartLimitIntervalSec=0\n[Service]\nRestart=no\n";
/// State of a commit whose acknowledgement has not come.
const WAITS: &str = "Waiting for semi-sync ACK from slave";
/// Account that may do everything, from anywhere.
pub const OPERATOR: &str = "operator";
/// Account of replication.
pub const REPLICATION: &str = "repl";

/// Settings and accounts on both nodes, each a server by itself.
pub fn install(pair: &Pair) -> Result<()> {
    pair.both(|node| {
        let server_id = if node.name() == "a" { 1 } else { 2 };
        let settings = mariadb_settings(&Settings { server_id, port: 3306, log_bin: None });
        let text = format!("{settings}skip_name_resolve = ON\n");
        node.write("/etc/mysql/mariadb.conf.d/99-facts.cnf", text.as_bytes(), "0644")?;
        node.write("/etc/systemd/system/mariadb.service.d/50-facts.conf", DROP_IN, "0644")?;
        node.run("systemctl daemon-reload && systemctl restart mariadb")?;
        node.sql(&format!(
            "SET sql_log_bin=0; {SCHEMA}; CREATE USER {OPERATOR}@'%' IDENTIFIED BY '{PASSWORD}', \
             {REPLICATION}@'%' IDENTIFIED BY '{PASSWORD}'; GRANT ALL ON *.* TO {OPERATOR}@'%'; \
             GRANT REPLICATION SLAVE ON *.* TO {REPLICATION}@'%'"
        ))
    })?;
    third::install(&pair.a)
}

/// A master and its replica.
pub struct Servers<'a> {
    /// On node `a`, `server_id` 1: writable, commits wait for the replica.
    pub master: Server<'a>,
    /// On node `b`, `server_id` 2: read-only, receives, applies and acknowledges.
    pub replica: Server<'a>,
}

impl<'a> Servers<'a> {
    /// With a history of their own that begins with 0-1-1, row 1, which both have.
    pub fn fresh(pair: &'a Pair) -> Result<Self> {
        let [master, replica] = pair.nodes().map(|node| Server { node });
        pair.both(|node| Server { node }.rest())?;
        pair.both(|node| Server { node }.begin_anew())?;
        replica.run(&product::semi_sync_slave(true))?;
        replica.follow(&master)?;
        master.sql("SET GLOBAL read_only=OFF, GLOBAL rpl_semi_sync_master_enabled=ON")?;
        let servers = Self { master, replica };
        servers.connected()?;
        servers.insert(1)?;
        servers.replica.gets(1)?;
        Ok(servers)
    }

    /// The same with a replica that receives nothing: no acknowledgement comes.
    pub fn stalled(pair: &'a Pair) -> Result<Self> {
        let servers = Self::fresh(pair)?;
        servers.replica.sql("STOP SLAVE IO_THREAD")?;
        servers.master.until("Rpl_semi_sync_master_clients", "0")?;
        Ok(servers)
    }

    /// The replica receives and acknowledges.
    pub fn connected(&self) -> Result<()> {
        self.replica.until_slave("Slave_IO_Running", "Yes")?;
        self.master.until("Rpl_semi_sync_master_clients", "1")?;
        self.master.until("Rpl_semi_sync_master_status", "ON")
    }

    /// A commit on the master that is acknowledged; returns how long that took.
    pub fn insert(&self, key: u32) -> Result<Duration> {
        self.master.commit(key)?.is_told_ok()
    }

    /// Received by the replica and not applied: its SQL thread is stopped.
    pub fn received_only(pair: &'a Pair, key: u32) -> Result<Self> {
        let servers = Self::fresh(pair)?;
        servers.replica.sql("STOP SLAVE SQL_THREAD")?;
        servers.insert(key)?;
        Ok(servers)
    }

    /// Drops packets between the two databases, both ways.
    pub fn cut(&self) -> Result<()> {
        let master = self.master.node.address();
        self.replica.node.run(&format!(
            "iptables -w -I INPUT -p tcp -s {master} --sport 3306 -j DROP; \
             iptables -w -I OUTPUT -p tcp -d {master} --dport 3306 -j DROP"
        ))?;
        Ok(())
    }

    /// Drops what the replica says, but not that it has received: packets longer than
    /// bare ones of TCP.
    pub fn drop_acknowledgements(&self) -> Result<()> {
        let master = self.master.node.address();
        let rule = format!("OUTPUT -p tcp -d {master} --dport 3306 -m length --length 53: -j DROP");
        self.replica.node.run(&format!("iptables -w -I {rule}")).map(drop)
    }

    /// Lets all through again.
    pub fn heal(&self) -> Result<()> {
        self.replica.flush()
    }
}

/// One server.
#[derive(Clone, Copy)]
pub struct Server<'a> {
    /// Its node.
    pub node: &'a Node,
}

impl Server<'_> {
    /// Runs, does nothing, and nothing of an earlier row is left to wait for.
    fn rest(&self) -> Result<()> {
        // Stopped by a row that failed.
        let _ = self.node.signal_unit(UNIT, Signal::SIGCONT);
        self.flush()?;
        self.start("")?;
        self.sql(&format!(
            "SET GLOBAL rpl_semi_sync_master_enabled=OFF, GLOBAL read_only=ON; KILL USER {USER}; KILL USER {OPERATOR}"
        ))?;
        self.run(&product::stop_replication())?;
        self.kill_dump_threads()
    }

    /// Ends what sends to replicas; one of a replica that is gone would stay.
    pub fn kill_dump_threads(&self) -> Result<()> {
        let dumps = "SELECT CONCAT('KILL ', id, ';') FROM information_schema.processlist WHERE command='Binlog Dump'";
        self.node.run(&format!("mariadb -N -B -e \"{dumps}\" | mariadb -f")).map(drop)
    }

    /// An empty history, and the settings of the option file.
    fn begin_anew(&self) -> Result<()> {
        self.sql(&format!(
            "SET GLOBAL rpl_semi_sync_slave_enabled=OFF, GLOBAL rpl_semi_sync_master_wait_no_slave=ON, \
             GLOBAL rpl_semi_sync_master_timeout={FOREVER_MS}; SET sql_log_bin=0; \
             DROP DATABASE lab; {SCHEMA}; RESET MASTER; SET GLOBAL gtid_slave_pos=''"
        ))
        .map(drop)
    }

    /// No packet filter, no route but the usual ones.
    fn flush(&self) -> Result<()> {
        self.node.run("iptables -w -F; ip route show type unreachable | xargs -r -L 1 ip route delete").map(drop)
    }

    /// Runs SQL as root.
    pub fn sql(&self, statements: &str) -> Result<String> {
        self.node.sql(statements)
    }

    /// Runs the product's own statements.
    pub fn run(&self, statements: &[Sql]) -> Result<String> {
        let texts: Vec<_> = statements.iter().map(Sql::text).collect();
        self.sql(&texts.join("; "))
    }

    /// Becomes a replica of `master` and starts, in the product's words.
    pub fn follow(&self, master: &Server<'_>) -> Result<()> {
        let address = master.node.address().to_string();
        self.run(&product::change_master(&address, 3306, REPLICATION, PASSWORD))?;
        self.run(&product::start_replication()).map(drop)
    }

    /// The same from `current_pos`, in MariaDB's words.
    pub fn follow_from_current_pos(&self, master: &Server<'_>) -> Result<()> {
        let address = master.node.address();
        self.sql(&format!(
            "CHANGE MASTER TO MASTER_HOST='{address}', MASTER_USER='{REPLICATION}', MASTER_PASSWORD='{PASSWORD}', \
             MASTER_USE_GTID=current_pos; START SLAVE"
        ))
        .map(drop)
    }

    /// A status variable.
    pub fn status(&self, name: &str) -> Result<String> {
        let query = "SELECT variable_value FROM information_schema.global_status WHERE variable_name";
        self.sql(&format!("{query}='{name}'"))
    }

    /// A status variable that counts.
    pub fn count(&self, name: &str) -> Result<u64> {
        let text = self.status(name)?;
        text.parse().with_context(|| format!("{name} is {text:?}"))
    }

    /// A field of `SHOW SLAVE STATUS`.
    pub fn slave(&self, field: &str) -> Result<String> {
        let all = self.node.run("mariadb -E -e 'SHOW SLAVE STATUS'")?;
        let mut lines = all.lines().filter_map(|line| line.trim().split_once(':'));
        let (_, value) = lines.find(|(name, _)| *name == field).with_context(|| format!("no {field} in {all}"))?;
        Ok(value.trim().to_owned())
    }

    /// Waits until `SHOW STATUS` says that.
    pub fn until(&self, name: &str, expected: &str) -> Result<()> {
        wait_for(name, SOON, || Ok(equals(self.status(name)?.as_str(), &expected))).map(drop)
    }

    /// Waits until `SHOW SLAVE STATUS` says that.
    pub fn until_slave(&self, field: &str, expected: &str) -> Result<()> {
        wait_for(field, SOON, || Ok(equals(self.slave(field)?.as_str(), &expected))).map(drop)
    }

    /// Whether `SHOW STATUS` says that, now.
    pub fn says_status(&self, name: &str, expected: &str) -> Result<()> {
        let value = self.status(name)?;
        ensure!(value == expected, "{name} is {value}, not {expected}");
        Ok(())
    }

    /// Whether SQL answers with that, now.
    pub fn says(&self, query: &str, expected: &str) -> Result<()> {
        let answer = self.sql(query)?;
        ensure!(answer == expected, "{query} says {answer}, not {expected}");
        Ok(())
    }

    /// Whether anybody sees this row.
    pub fn has(&self, key: u32) -> Result<bool> {
        Ok(self.sql(&format!("SELECT COUNT(*) FROM lab.writes WHERE k={key}"))? == "1")
    }

    /// Waits until it has this row.
    pub fn gets(&self, key: u32) -> Result<()> {
        wait_for(&format!("row {key}"), SOON, || Ok(equals(self.has(key)?, &true))).map(drop)
    }

    /// It has this row, and the other has not.
    pub fn alone_has(&self, key: u32, other: &Server<'_>) -> Result<()> {
        ensure!(self.has(key)?, "row {key} is not there");
        ensure!(!other.has(key)?, "the other has row {key} as well");
        Ok(())
    }

    /// A client that has begun to write this row.
    pub fn commit(&self, key: u32) -> Result<Pending> {
        self.begin(USER, &format!("INSERT INTO lab.writes VALUES ({key}, 1)"))
    }

    /// A client whose commit waits for its acknowledgement.
    pub fn waiting(&self, key: u32) -> Result<Pending> {
        let pending = self.commit(key)?;
        self.until_it_waits(&pending)?;
        Ok(pending)
    }

    /// Waits until this client's commit waits for its acknowledgement.
    pub fn until_it_waits(&self, pending: &Pending) -> Result<()> {
        self.until_state(pending, WAITS)
    }

    /// Waits until this client's statement is in that state.
    pub fn until_state(&self, pending: &Pending, state: &str) -> Result<()> {
        let query = format!("SELECT state FROM information_schema.processlist WHERE id={}", pending.id);
        wait_for("the client's state", SOON, || Ok(equals(self.sql(&query)?.as_str(), &state))).map(drop)
    }

    /// An operator with every right who has begun something.
    pub fn order(&self, statement: &str) -> Result<Pending> {
        self.begin(OPERATOR, statement)
    }

    /// A client of that account.
    pub fn client(&self, user: &str) -> Result<Conn> {
        let options = OptsBuilder::new()
            .ip_or_hostname(Some(self.node.address().to_string()))
            .user(Some(user))
            .pass(Some(PASSWORD))
            .prefer_socket(false)
            .read_timeout(Some(ANSWER));
        Ok(self.node.lab().as_client(move || Conn::new(options))??)
    }

    /// A client of that account who has sent a statement.
    pub fn begin(&self, user: &str, statement: &str) -> Result<Pending> {
        let mut connection = self.client(user)?;
        let (id, begun) = (connection.connection_id(), Instant::now());
        let (sender, end) = channel();
        let statement = statement.to_owned();
        thread::spawn(move || {
            let told = connection.query_drop(statement).map_err(|error| error.to_string());
            // Nobody may be waiting for it any more.
            let _ = sender.send((told, begun.elapsed()));
        });
        Ok(Pending { id, end })
    }

    /// SIGKILL, until nothing of it is left.
    pub fn kill(&self) -> Result<()> {
        self.node.signal_unit(UNIT, Signal::SIGKILL)?;
        self.is_gone()
    }

    /// Waits until systemd has seen its end: a start before that would do nothing.
    pub fn is_gone(&self) -> Result<()> {
        wait_for("mariadbd to be gone", SOON, || {
            let state = self.node.sh("systemctl is-active mariadb", SOON)?.stdout;
            Ok(if matches!(state.as_str(), "failed" | "inactive") { Seen::Done(()) } else { Seen::Not(state) })
        })
        .map(drop)
    }

    /// Starts it, with more options on its command line.
    pub fn start(&self, options: &str) -> Result<()> {
        let start = "systemctl start mariadb; code=$?; systemctl unset-environment MYSQLD_OPTS; exit $code";
        self.node.run(&format!("systemctl set-environment MYSQLD_OPTS='{options}'; {start}")).map(drop)
    }

    /// SIGKILL and a start.
    pub fn crash(&self, options: &str) -> Result<()> {
        self.kill()?;
        self.start(options)
    }

    /// Its release, as MariaDB's version comments count: 101119.
    pub fn release(&self) -> Result<u32> {
        let text = self.sql("SELECT VERSION()")?;
        let mut parts = text.split(['.', '-']).map_while(|part| part.parse::<u32>().ok());
        let (major, minor, patch) = (parts.next(), parts.next(), parts.next());
        let whole = major.zip(minor).zip(patch).with_context(|| format!("version {text:?}"))?;
        Ok(whole.0.0 * 10_000 + whole.0.1 * 100 + whole.1)
    }
}

/// A statement that a client has sent, on a connection of its own.
pub struct Pending {
    /// The connection's number.
    pub id: u32,
    end: Receiver<(Result<(), String>, Duration)>,
}

impl Pending {
    /// What the client is told, and how long that took.
    pub fn told(&self) -> Result<(Result<(), String>, Duration)> {
        self.end.recv_timeout(SOON).context("nobody tells the client anything")
    }

    /// The client is told OK; returns how long that took.
    pub fn is_told_ok(&self) -> Result<Duration> {
        match self.told()? {
            (Ok(()), took) => Ok(took),
            (Err(error), _) => bail!("the client is told {error}"),
        }
    }

    /// The client is told an error; returns it.
    pub fn fails(&self) -> Result<String> {
        self.told()?.0.err().context("the client is told OK")
    }

    /// Nobody tells the client anything for a while.
    pub fn waits(&self) -> Result<()> {
        match self.end.recv_timeout(WHILE) {
            Err(RecvTimeoutError::Timeout) => Ok(()),
            other => bail!("the client is told {other:?}"),
        }
    }
}
