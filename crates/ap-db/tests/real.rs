//! The real adapter against real servers. Needs `mariadbd` in PATH.

// Helpers of tests may assert like tests.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod server;

use std::io::ErrorKind;
use std::net::Ipv4Addr;
use std::thread;
use std::time::{Duration, Instant};

use ap_core::sql::{self, Account, Sql};
use ap_db::{Database, MariaDb, ServerError};
use mysql::prelude::Queryable;
use server::{Server, TIMEOUT, credentials};

const SHORT: Duration = Duration::from_millis(500);
const PASSWORD: &str = "o'ne\\";
const REPLICATION_PASSWORD: &str = "un's\\een";

/// Creates the accounts and returns a database that uses the local one.
fn prepare(server: &Server) -> MariaDb {
    let mut root = server.database("root", "");
    let before = root.status().unwrap().binlog_state;
    let statements = sql::create_accounts(
        Account { user: "ap", password: PASSWORD },
        Account { user: "repl", password: REPLICATION_PASSWORD },
        &[Ipv4Addr::LOCALHOST],
    );
    for _ in 0..2 {
        root.run(&statements, TIMEOUT).unwrap();
    }
    // What follows in the same object is logged again, what came before was not.
    assert_eq!(root.status().unwrap().binlog_state, before);
    assert_eq!(root.query_one("SELECT @@sql_log_bin").unwrap().as_deref(), Some("1"));
    server.database("ap", PASSWORD)
}

/// Waits for something the server does by itself.
fn until(what: &str, mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < TIMEOUT, "not in time: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

fn timed_out(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<std::io::Error>())
        .any(|cause| cause.kind() == ErrorKind::TimedOut)
}

fn follow(db: &mut MariaDb, master: &Server) {
    db.run(&sql::change_master("127.0.0.1", master.port, "repl", REPLICATION_PASSWORD), TIMEOUT).unwrap();
    db.run(&sql::semi_sync_slave(true), TIMEOUT).unwrap();
    db.run(&sql::start_replication(), TIMEOUT).unwrap();
    until("replication receives", || db.replica().unwrap().is_some_and(|replica| replica.receives() && replica.sql));
}

#[test]
fn a_pair_changes_roles_and_back_with_least_privileges() {
    let (a, b) = thread::scope(|scope| {
        let b = scope.spawn(|| Server::start("b", 2, &[]));
        (Server::start("a", 1, &[]), b.join().unwrap())
    });
    let (mut db_a, mut db_b) = (prepare(&a), prepare(&b));
    let status = db_a.status().unwrap();
    assert!(status.read_only && status.log_bin && !status.semi_sync && status.replica.is_none());
    assert_eq!((status.server_id, status.user_tables, status.sql_thread), (1, 0, 0));

    db_a.run(&sql::read_only(false), TIMEOUT).unwrap();
    follow(&mut db_b, &a);
    db_a.run(&sql::semi_sync_timeout_forever(), TIMEOUT).unwrap();
    db_a.run(&sql::semi_sync_master(true), TIMEOUT).unwrap();
    until("semi-sync is on", || db_a.status().unwrap().semi_sync_clients == 1);

    let mut client = a.client("root", "").unwrap();
    client.query_drop("CREATE DATABASE app").unwrap();
    client.query_drop("CREATE TABLE app.t (id INT PRIMARY KEY) ENGINE=InnoDB").unwrap();
    client.query_drop("INSERT INTO app.t VALUES (1)").unwrap();
    let status_a = db_a.status().unwrap();
    assert!(status_a.semi_sync && status_a.semi_sync_acknowledged >= 3 && status_a.semi_sync_waiting == 0);
    assert_eq!(status_a.user_tables, 1, "tables are counted without the right to read them");
    assert!(db_b.wait_pos(&status_a.binlog_pos, TIMEOUT).unwrap());
    let status_b = db_b.status().unwrap();
    let replica = status_b.replica.clone().unwrap();
    assert_eq!((replica.master_host.as_str(), replica.io_error.as_str()), ("127.0.0.1", ""));
    assert_eq!(replica.io_pos, status_a.binlog_pos);
    assert!(status_b.semi_sync_replica && status_b.read_only && status_b.sql_thread != 0);
    assert!(status_a.binlog_state.beyond(&status_b.binlog_state).is_empty());
    assert!(!db_b.wait_pos(&"0-1-999".parse().unwrap(), Duration::from_millis(50)).unwrap());

    // Promotion of b.
    db_b.run(&sql::stop_io(), TIMEOUT).unwrap();
    assert_eq!(db_b.replica().unwrap().unwrap().io, "No");
    assert_eq!(db_b.status().unwrap().sql_thread, status_b.sql_thread, "the same thread goes on applying");
    db_a.run(&sql::semi_sync_master(false), TIMEOUT).unwrap();
    db_b.run(&sql::stop_replication(), TIMEOUT).unwrap();
    db_b.run(&sql::semi_sync_slave(false), TIMEOUT).unwrap();
    db_b.run(&sql::read_only(false), TIMEOUT).unwrap();
    assert!(db_b.replica().unwrap().is_none());
    b.client("root", "").unwrap().query_drop("INSERT INTO app.t VALUES (2)").unwrap();

    // The old active follows from its own last transaction, more than once.
    db_a.run(&sql::read_only(true), TIMEOUT).unwrap();
    follow(&mut db_a, &b);
    follow(&mut db_a, &b);
    let state_b = db_b.status().unwrap();
    assert!(db_a.wait_pos(&state_b.binlog_pos, TIMEOUT).unwrap());
    let state_a = db_a.status().unwrap();
    assert_eq!(state_a.binlog_state, state_b.binlog_state);
    assert_eq!(client.query_first::<u32, _>("SELECT COUNT(*) FROM app.t").unwrap(), Some(2));
    // From both threads stopped: another thread, so the relay log was dropped.
    db_a.run(&[Sql::plain("STOP SLAVE"), Sql::plain("START SLAVE")], TIMEOUT).unwrap();
    assert_ne!(db_a.status().unwrap().sql_thread, state_a.sql_thread);
    // The local account is no way to the users' data.
    assert!(db_a.query_one("SELECT COUNT(*) FROM app.t").is_err());
    assert!(!db_a.query_one("SHOW GRANTS").unwrap().unwrap().contains("SUPER"));
}

#[test]
fn deadlines_hold_and_nothing_takes_effect_later() {
    let mut server = Server::start("deadline", 1, &["--max-connections=10", "--back-log=1"]);
    let mut db = prepare(&server);
    let mut root = server.client("root", "").unwrap();
    root.query_drop("SET GLOBAL read_only=0").unwrap();
    root.query_drop("CREATE TABLE mysql.t (id INT PRIMARY KEY) ENGINE=InnoDB").unwrap();
    db.run(&sql::semi_sync_master(true), TIMEOUT).unwrap();

    // A commit waits for an acknowledgement that never comes; read_only hangs behind it.
    let mut client = server.client("root", "").unwrap();
    let commit = thread::spawn(move || client.query_drop("INSERT INTO mysql.t VALUES (1)"));
    until("the commit waits", || db.status().unwrap().semi_sync_waiting == 1);
    let begun = Instant::now();
    let error = db.run(&sql::read_only(true), SHORT).unwrap_err();
    assert!(timed_out(&error) && begun.elapsed() < 3 * SHORT, "{error:#}");
    assert_eq!(format!("{error:#}"), "failed to run 'SET GLOBAL read_only=ON': no answer within 500ms");
    until("the statement is ended", || {
        let hanging = "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE 'SET GLOBAL read_only%'";
        db.query_one(hanging).unwrap().as_deref() == Some("0")
    });
    db.run(&sql::semi_sync_master(false), TIMEOUT).unwrap();
    commit.join().unwrap().unwrap();
    assert!(!db.status().unwrap().read_only, "given up, and yet it took effect");

    // All connections taken: one is left for the toolkit.
    root.query_drop("CREATE USER app@localhost IDENTIFIED BY 'app'").unwrap();
    drop(root);
    db.run(&[Sql::plain("SET SESSION sql_mode=''")], TIMEOUT).unwrap(); // gives its connection back
    let mut taken = Vec::new();
    until("all connections are taken", || server.client("app", "app").map(|client| taken.push(client)).is_err());
    db.status().unwrap();
    let mut other = server.database("app", "app");
    let error = other.query_one("SELECT 1").unwrap_err();
    assert!(error.downcast_ref::<ServerError>().is_some_and(|error| error.code == 1040), "{error:#}");
    drop(taken);

    // A frozen server, its queue of connections full.
    let mut short = server.database_within("ap", PASSWORD, SHORT);
    until("connections are free", || short.status().is_ok());
    server.signal("-STOP");
    let begun = Instant::now();
    assert!(timed_out(&short.status().unwrap_err()));
    for _ in 0..3 {
        assert!(short.status().is_err());
        assert!(MariaDb::connect(&server.socket(), &credentials("ap", PASSWORD), SHORT).is_err());
    }
    assert!(begun.elapsed() < 10 * SHORT, "{:?}", begun.elapsed());
    server.signal("-CONT");
    until("it answers again", || short.status().is_ok());

    // A restarted server is found at once, the dead connection notwithstanding.
    server.crash();
    assert!(short.status().unwrap().read_only);
}

#[test]
fn refusals_name_the_reason_and_no_password() {
    let server = Server::start("refusal", 1, &[]);
    let mut db = prepare(&server);
    let mut stranger = server.database("ap", "wrong");
    let error = stranger.query_one("SELECT 1").unwrap_err();
    assert!(error.downcast_ref::<ServerError>().is_some_and(|error| error.code == 1045), "{error:#}");
    // The running replica refuses another master; the statement holds the password.
    db.run(&sql::change_master("127.0.0.1", 1, "repl", "very-secret"), TIMEOUT).unwrap();
    db.run(&sql::start_replication(), TIMEOUT).unwrap();
    let again = sql::change_master("127.0.0.1", 1, "repl", "very-secret");
    let error = format!("{:#}", db.run(&again[2..], TIMEOUT).unwrap_err());
    assert!(error.contains("MASTER_PASSWORD='***'") && error.contains("MariaDB error 1198"), "{error}");
    assert!(!error.contains("very-secret"), "{error}");
    until("the failed connection is reported", || !db.replica().unwrap().unwrap().io_error.is_empty());
    let pairs = db.query_pairs("SHOW GLOBAL VARIABLES LIKE 'gtid_strict_mode'").unwrap();
    assert_eq!(pairs, [("gtid_strict_mode".to_owned(), "ON".to_owned())]);
    assert_eq!(db.query_one("SELECT NULL").unwrap(), None);
    let missing = MariaDb::connect(std::path::Path::new("/nonexistent"), &credentials("ap", "x"), SHORT);
    assert!(format!("{:#}", missing.err().unwrap()).contains("failed to connect to the database"));
}
