//! How the real binary ends when it cannot start.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

#[test]
fn exit_codes() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let open = std::env::temp_dir().join(format!("demo-api-open-{}", std::process::id()));
    std::fs::write(&open, "secret").unwrap();
    std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o644)).unwrap();
    let table: [(&[&str], _, i32, &str); 7] = [
        (&["--help"], None, 0, ""),
        (&["--version"], None, 0, ""),
        (&["--no-such-flag"], None, 64, "no-such-flag"),
        (&["--workers", "0"], None, 64, "0 is not in 1..=64"),
        (&["--write-timeout", "0s"], None, 64, "must be more than 0"),
        (&["--listen", &taken], None, 69, "error: failed to listen on 127.0.0.1"),
        (&["--password-file"], Some(open.as_path()), 78, "open to everyone"),
    ];
    for (args, file, code, part) in table {
        let out = Command::new(env!("CARGO_BIN_EXE_demo-api")).args(args).args(file).output().unwrap();
        let got = (out.status.code(), String::from_utf8(out.stderr).unwrap());
        assert!(got.0 == Some(code) && got.1.contains(part), "{args:?}: {got:?}");
        assert!(!got.1.contains("secret"), "{got:?}");
    }
    std::fs::remove_file(open).unwrap();
}
