//! What the server does, named by the facts of docs/FACTS.md.

use std::time::Duration;

use super::*;

const NOW: Duration = Duration::from_secs(1);
const ENABLED: &str = "SET GLOBAL rpl_semi_sync_master_enabled=ON";
const DISABLED: &str = "SET GLOBAL rpl_semi_sync_master_enabled=OFF";

/// An active whose standby is connected and has everything.
fn active() -> Server {
    let mut server = Server::new(1);
    server.starts(false).unwrap();
    server.run(NOW, ENABLED);
    server.connected(NOW, 1, false);
    server.run(NOW, "SET GLOBAL read_only=OFF");
    server
}

/// Whether a write waits.
fn waits(server: &mut Server, key: usize) -> bool {
    server.commit(NOW, 0, Content::Rows, Some(key))
}

fn keys(told: &[Waiting]) -> Vec<usize> {
    told.iter().map(|it| it.key).collect()
}

#[test]
fn semi_sync_commit_waits() {
    let mut server = active();
    assert!(waits(&mut server, 0) && waits(&mut server, 1));
    assert_eq!(server.status().semi_sync_waiting, 2);
    assert_eq!(keys(&server.received(NOW, 1)), [0]);
    assert_eq!((server.status().semi_sync_waiting, server.status().semi_sync_acknowledged), (1, 1));
}

#[test]
fn semi_sync_wait_no_slave() {
    let mut server = active();
    assert!(waits(&mut server, 0));
    assert!(server.connected(NOW, 0, false).is_empty() && waits(&mut server, 1));
}

#[test]
fn semi_sync_wait_no_slave_off() {
    let mut server = active();
    server.run(NOW, "SET GLOBAL rpl_semi_sync_master_wait_no_slave=OFF");
    assert!(waits(&mut server, 0));
    assert_eq!(keys(&server.connected(NOW, 0, false)), [0]);
    assert!(!waits(&mut server, 1));
    server.connected(NOW, 1, false);
    assert!(waits(&mut server, 2));
}

#[test]
fn semi_sync_timeout_falls_back_and_comes_back() {
    let mut server = active();
    assert!(waits(&mut server, 0) && waits(&mut server, 1));
    assert_eq!(keys(&server.gives_up(NOW, 0)), [0, 1]);
    assert!(server.gives_up(NOW, 1).is_empty());
    assert!(server.status().semi_sync && !waits(&mut server, 2));
    server.received(NOW, 2);
    assert!(!waits(&mut server, 3), "the replica has not caught up");
    server.received(NOW, 4);
    assert!(waits(&mut server, 4));
}

#[test]
fn semi_sync_off_releases() {
    let mut server = active();
    assert!(waits(&mut server, 0));
    assert_eq!(keys(&server.run(NOW, DISABLED)), [0]);
    server.received(NOW, 1);
    assert!(!server.status().semi_sync && !waits(&mut server, 1));
}

#[test]
fn semi_sync_kill_connection_commits_and_kill_query_says_ok() {
    for (statement, told) in [("KILL CONNECTION", vec![1, 2]), ("KILL QUERY", vec![0, 1, 2])] {
        let mut server = active();
        (0..3).for_each(|key| assert!(waits(&mut server, key)));
        assert_eq!(keys(&server.run(NOW, statement)), told);
        assert_eq!((server.log.len(), server.status().semi_sync_waiting), (3, 0));
    }
}

#[test]
fn semi_sync_shutdown_says_ok() {
    let mut server = active();
    assert!(waits(&mut server, 0));
    assert_eq!(keys(&server.stops()), [0]);
    assert!(server.starts(true).unwrap().is_empty(), "nothing is left to truncate");
    assert_eq!(server.log.len(), 1);
}

#[test]
fn settings_end_with_the_process() {
    let mut server = active();
    for statement in ["SET GLOBAL rpl_semi_sync_master_timeout=1000", "SET GLOBAL rpl_semi_sync_slave_enabled=ON"] {
        server.run(NOW, statement);
    }
    server.dies(NOW);
    server.starts(false).unwrap();
    let status = server.status();
    assert!(status.read_only && !status.semi_sync && !status.semi_sync_replica);
    assert_eq!(server.semi_sync.timeout, FOREVER);
}

/// A server that was killed while a row waited, and this behind it.
fn killed(behind: Content) -> Server {
    let mut server = active();
    assert!(waits(&mut server, 0));
    server.received(NOW, 1);
    let later = NOW + FLUSHED;
    server.commit(later, 0, Content::Rows, Some(1));
    server.commit(later, 0, behind, Some(2));
    server.dies(later);
    server
}

#[test]
fn recovery_keeps_what_waited_or_truncates() {
    let mut server = killed(Content::Rows);
    assert_eq!(server.clone().starts(true).map(|gone| gone.len()), Ok(2));
    assert_eq!(server.starts(false).map(|gone| gone.len()), Ok(0));
    assert_eq!(server.log.len(), 3);
}

#[test]
fn recovery_refuses_ddl() {
    let mut server = killed(Content::Unsafe);
    assert!(server.starts(true).is_err() && !server.up);
    assert_eq!(server.starts(false).map(|gone| gone.len()), Ok(0));
}

#[test]
fn recovery_truncates_acknowledged() {
    let mut server = active();
    assert!(waits(&mut server, 0));
    server.received(NOW, 1);
    server.dies(NOW);
    assert_eq!(server.starts(true).map(|gone| gone.len()), Ok(1));
}

/// A standby that has received so many transactions of the active.
fn standby(count: usize) -> Server {
    let mut master = active();
    (0..count).for_each(|key| assert!(waits(&mut master, key)));
    let mut server = Server::new(2);
    server.starts(false).unwrap();
    server.run(NOW, "CHANGE MASTER TO MASTER_HOST='a'");
    server.run(NOW, "START SLAVE");
    server.relay.extend(master.log);
    server
}

#[test]
fn own_transaction_stops_sql_thread() {
    let mut server = standby(2);
    assert!(server.apply().is_some());
    server.commit(NOW, 0, Content::Maintenance, None);
    assert!(server.apply().is_none() && !server.sql());
    assert!(server.status().replica.is_some_and(|replica| replica.sql_error.starts_with("1950")));
}

#[test]
fn relay_log_deleted_by_start() {
    for (statements, left) in
        [(&["STOP SLAVE IO_THREAD"][..], 2), (&["STOP SLAVE"], 2), (&["STOP SLAVE", "START SLAVE"], 0)]
    {
        let mut server = standby(2);
        statements.iter().for_each(|text| drop(server.run(NOW, text)));
        assert_eq!(server.relay.len(), left, "{statements:?}");
    }
}

#[test]
fn locks_hold_the_sql_thread() {
    let mut server = standby(1);
    assert!(!server.is_blocked());
    server.sessions.push(Session { id: 0, holds: Holds::Rows });
    assert!(server.is_blocked());
    server.apply();
    assert!(!server.is_blocked(), "nothing is left that meets a row");
    server.sessions.push(Session { id: 1, holds: Holds::ReadLock });
    assert!(server.is_blocked() && !server.takes_commits());
}

#[test]
fn positions_are_kept_by_domain() {
    let mut master = active();
    for (key, domain) in [0, 1, 0, 1].into_iter().enumerate() {
        master.commit(NOW, domain, Content::Rows, Some(key));
    }
    assert_eq!(master.status().binlog_pos.to_string(), "0-1-2,1-1-2");
    let mut server = standby(0);
    server.relay.extend(master.log.iter().copied().take(3));
    assert!(server.apply().is_some());
    assert_eq!(server.status().slave_pos.to_string(), "0-1-1");
    assert_eq!(server.wanted().shown().to_string(), "0-1-2,1-1-1");
    assert_eq!(master.place(&server.wanted()), Ok(2), "of domain 0 it has everything");
    master.commit(NOW, 2, Content::Rows, None);
    master.commit(NOW, 0, Content::Rows, None);
    assert_eq!(master.place(&server.wanted()), Ok(2), "domain 1 comes before domain 2");
    assert_eq!(master.place(&standby(0).wanted()), Ok(0));
    server.commit(NOW, 7, Content::Rows, None);
    server.run(NOW, "SET GLOBAL gtid_slave_pos=IF()");
    assert_eq!(server.status().slave_pos.to_string(), "0-1-1,7-2-1");
    assert_eq!(master.place(&server.wanted()), Ok(2), "a domain that the master does not know");
    server.commit(NOW, 1, Content::Rows, None);
    server.run(NOW, "STOP SLAVE");
    server.run(NOW, "START SLAVE");
    server.run(NOW, "SET GLOBAL gtid_slave_pos=IF()");
    assert_eq!(master.place(&server.wanted()), Err(()));
}
