//! Requests, and what is answered while the database is well and when it is not.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use crate::common::{Api, MariaDb, START, until};

const ANY: &str = "127.0.0.1:0";

#[test]
fn users_and_quotes() {
    let Some(db) = MariaDb::new(&[]) else { return };
    let api = Api::start(&db, ANY, &[]);
    assert!(api.get("/healthz").is(200, "ok").head.contains("\r\nX-Node: "));
    db.sql("UPDATE demo.quotes SET quote = 'From the table.'");
    api.get("/quote").is(200, "From the table.");
    api.get("/users").is(200, "[]");
    api.post(r#"{"name": "Ada"}"#).is(201, r#"{"id":1,"name":"Ada"}"#);
    api.post(r#"{"id": 7, "name": "Grä ' \" fin"}"#).is(201, r#"{"id":7,"name":"Grä ' \" fin"}"#);
    api.post(r#"{"name": "Bob"}"#).is(201, r#""id":8"#);
    api.post(r#"{"id": 7, "name": "Eve"}"#).is(409, r#""field":"id""#);
    api.post(r#"{"id": 9}"#).is(400, r#""field":"name""#);
    api.get("/users/7").is(200, r#"{"id":7,"name":"Grä ' \" fin"}"#);
    api.get("/users/9").is(404, "no user 9");
    let page = api.get("/users?after=1&limit=1");
    assert_eq!(page.body, r#"[{"id":7,"name":"Grä ' \" fin"}]"#);
    assert_eq!(db.sql("SELECT COUNT(*) FROM demo.users"), "3");

    // Two requests on one connection, the second sent before the first is answered.
    let mut stream = api.connect();
    let both = "GET /users/1 HTTP/1.1\r\n\r\nGET /users/8 HTTP/1.1\r\nConnection: close\r\n\r\n";
    stream.write_all(both.as_bytes()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert!(text.contains("Ada") && text.contains("Bob"), "{text}");

    // A body that was announced and never comes.
    api.send("POST /users HTTP/1.1\r\nContent-Length: 9\r\n\r\n{").is(408, "too long to arrive");
}

#[test]
fn read_only() {
    let Some(mut db) = MariaDb::new(&[]) else {
        return;
    };
    let api = Api::start(&db, ANY, &[]);
    api.post(r#"{"name": "Ada"}"#).is(201, "Ada");
    db.sql("SET GLOBAL read_only=1");
    api.post(r#"{"name": "Bob"}"#).is(503, "read-only").is(503, r#""outcome":"not-done""#);
    api.get("/healthz").is(200, "ok");
    api.get("/users").is(200, "Ada");
    db.sql("SET GLOBAL read_only=0");
    api.post(r#"{"name": "Bob"}"#).is(201, "Bob");
    db.kill();
    db.start(&["--read-only"]);
    api.post(r#"{"name": "Eve"}"#).is(503, r#""outcome":"not-done""#);
    assert_eq!(db.sql("SELECT GROUP_CONCAT(name) FROM demo.users"), "Ada,Bob");
}

#[test]
fn survives_the_database() {
    let Some(mut db) = MariaDb::new(&[]) else {
        return;
    };
    let api = Api::start(&db, ANY, &["--workers", "2"]);
    for _ in 0..4 {
        api.post(r#"{"name": "before"}"#).is(201, "before");
    }
    db.kill();
    api.get("/healthz").is(503, "does not answer: Connection refused");
    api.post(r#"{"name": "away"}"#).is(503, r#""outcome":"not-done""#);
    api.get("/users").is(503, r#""outcome":"not-done""#);
    api.get("/quote").is(200, "author");
    db.start(&[]);
    // At once, on every worker: connections from before must not cost a request.
    api.get("/healthz").is(200, "ok");
    for _ in 0..4 {
        api.post(r#"{"name": "after"}"#).is(201, "after");
        api.get("/users").is(200, "after");
    }
    assert_eq!(db.sql("SELECT COUNT(*) FROM demo.users WHERE name = 'after'"), "4");
    assert_eq!(db.sql("SELECT COUNT(*) FROM demo.users WHERE name = 'away'"), "0");

    // The service itself comes back on the same port while old connections linger.
    let held = api.connect();
    let address = api.address.to_string();
    drop(api);
    let api = Api::start(&db, &address, &[]);
    api.get("/healthz").is(200, "ok");
    drop(held);
}

#[test]
fn a_frozen_database_is_unhealthy_in_time() {
    let Some(db) = MariaDb::new(&[]) else { return };
    let api = Api::start(&db, ANY, &["--health-timeout", "300ms", "--read-timeout", "400ms"]);
    api.get("/healthz").is(200, "ok");
    db.signal("STOP");
    for _ in 0..3 {
        let start = Instant::now();
        // Whichever of the two notices first: the deadline or the socket's own.
        api.get("/healthz").is(503, "the database");
        api.get("/users").is(503, "not-done");
        assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    }
    db.signal("CONT");
    until("healthy again", START, || api.get("/healthz").status == 200);
    api.post(r#"{"name": "Ada"}"#).is(201, "Ada");
}

/// Semi-sync without a standby: each commit waits for an acknowledgement that
/// does not come.
#[test]
fn stalled_commits() {
    let Some(db) = MariaDb::new(&["--log-bin=bin", "--server-id=1"]) else {
        return;
    };
    let api = Api::start(&db, ANY, &["--workers", "3", "--write-timeout", "1500ms"]);
    api.post(r#"{"name": "before"}"#).is(201, "before");
    db.sql(
        "SET GLOBAL rpl_semi_sync_master_wait_point=AFTER_SYNC;
         SET GLOBAL rpl_semi_sync_master_timeout=3153600000000;
         SET GLOBAL rpl_semi_sync_master_enabled=ON",
    );
    let writers = 12;
    std::thread::scope(|scope| {
        let posts: Vec<_> = (0..writers).map(|_| scope.spawn(|| api.post(r#"{"name": "stalled"}"#))).collect();
        // Health and reading go on while every writer hangs.
        for _ in 0..5 {
            api.get("/healthz").is(200, "ok");
            api.get("/users").is(200, "before");
        }
        let answers: Vec<_> = posts.into_iter().map(|post| post.join().unwrap()).collect();
        let unknown = answers.iter().filter(|a| a.is(503, "outcome").body.contains("unknown")).count();
        assert_eq!(unknown, 3, "{answers:?}");
    });
    // More tries leave no sessions behind: at most one for each worker.
    for _ in 0..3 {
        api.post(r#"{"name": "refused"}"#).is(503, r#""outcome":"not-done""#);
    }
    let sessions = db.sql("SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'demo'");
    assert!(sessions.parse::<u32>().unwrap() <= 7, "{sessions} sessions");
    // Nothing of it is visible yet.
    assert_eq!(db.sql("SELECT COUNT(*) FROM demo.users"), "1");

    db.sql("SET GLOBAL rpl_semi_sync_master_enabled=OFF");
    until("the waiting commits end", START, || db.sql("SELECT COUNT(*) FROM demo.users") == "4");
    api.post(r#"{"name": "after"}"#).is(201, "after");
    assert_eq!(db.sql("SELECT COUNT(*) FROM demo.users WHERE name = 'refused'"), "0");
}
