//! The scripts around the API, against the real binary and a real MariaDB.

use std::os::unix::fs::PermissionsExt;
use std::process::Output;

use crate::common::{Api, MariaDb, script};

/// Exit code and what was printed, both streams.
fn told(out: &Output) -> (Option<i32>, String) {
    let text = [out.stdout.as_slice(), out.stderr.as_slice()].concat();
    (out.status.code(), String::from_utf8(text).unwrap())
}

#[test]
fn init_model() {
    let Some(db) = MariaDb::new(&[]) else { return };
    let mode = std::fs::metadata(db.password_file()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let password = std::fs::read_to_string(db.password_file()).unwrap();
    let state = || db.sql("SELECT * FROM demo.quotes; SHOW CREATE TABLE demo.users; SHOW GRANTS FOR demo@localhost");
    let before = state();
    let again = told(&script("init-model", &db.model_args()));
    assert_eq!(again, (Some(0), "init-model: schema demo is ready\n".into()));
    assert_eq!(state(), before);
    assert_eq!(std::fs::read_to_string(db.password_file()).unwrap(), password);
    let grants = db.sql("SHOW GRANTS FOR demo@localhost");
    assert!(!grants.contains("ALL") && !grants.contains("*.* TO `demo`@`localhost` WITH"), "{grants}");

    db.sql("SET GLOBAL read_only=1");
    let refused = told(&script("init-model", &db.model_args()));
    assert!(refused.0 == Some(1) && refused.1.contains("run init-model on the active node"), "{refused:?}");
    db.sql("SET GLOBAL read_only=0");
    std::fs::write(db.password_file(), "it's short\n").unwrap();
    let refused = told(&script("init-model", &db.model_args()));
    assert!(refused.0 == Some(78) && refused.1.contains("must hold 8 or more"), "{refused:?}");
    let nowhere = ["--socket", "/nonexistent/sock"];
    assert_eq!(told(&script("init-model", &nowhere)).0, Some(69));
    assert_eq!(told(&script("init-model", &["--help"])).0, Some(64));
}

#[test]
fn add_record() {
    let Some(db) = MariaDb::new(&[]) else { return };
    let api = Api::start(&db, "127.0.0.1:0", &[]);
    let url = format!("http://{}/", api.address);
    let add = |name: &str| told(&script("add-record", &[name, &url]));
    assert_eq!(add(r#"O'Hara "the \ one""#), (Some(0), "{\"id\":1,\"name\":\"O'Hara \\\"the \\\\ one\\\"\"}\n".into()));
    assert_eq!(db.sql("SELECT name = 'O\\'Hara \"the \\\\ one\"' FROM demo.users"), "1");
    let empty = add("");
    assert!(empty.0 == Some(1) && empty.1.contains("answered 400"), "{empty:?}");
    assert_eq!(add("two\nlines").0, Some(64));
    db.sql("SET GLOBAL read_only=1");
    let refused = add("Bob");
    assert!(refused.0 == Some(69) && refused.1.contains("read-only"), "{refused:?}");
    drop(api);
    let nobody = add("Bob");
    assert!(nobody.0 == Some(69) && nobody.1.contains("no answer from"), "{nobody:?}");
}
