//! The real program against a real TLS server.

#![allow(clippy::unwrap_used)] // helpers of tests may assert as tests do

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A directory and a server that both go away with the test.
struct Server {
    dir: PathBuf,
    child: Child,
    port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

fn openssl(dir: &Path, arguments: &str) {
    let output = Command::new("openssl").args(arguments.split(' ')).current_dir(dir).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// A certificate authority, a certificate for 127.0.0.1, and a server that has it.
fn start() -> Server {
    let dir = std::env::temp_dir().join(format!("ap-track-api-https-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    openssl(&dir, &format!("req -x509 {key} -keyout ca.key -out ca.pem -days 2 -subj /CN=ca"));
    openssl(&dir, &format!("req {key} -keyout own.key -out own.csr -subj /CN=api"));
    std::fs::write(dir.join("san"), "subjectAltName=IP:127.0.0.1\n").unwrap();
    openssl(&dir, "x509 -req -in own.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile san -out own.pem");
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let child = Command::new("openssl")
        .args(["s_server", "-quiet", "-www", "-cert", "own.pem", "-key", "own.key", "-accept"])
        .arg(port.to_string())
        .current_dir(&dir)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let until = Instant::now() + Duration::from_secs(10);
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < until, "openssl s_server does not listen");
        std::thread::sleep(Duration::from_millis(20));
    }
    Server { dir, child, port }
}

#[test]
fn certificates_are_verified_unless_told_otherwise() {
    if Command::new("openssl").arg("version").output().is_err() {
        assert!(std::env::var_os("CI").is_none(), "no openssl here");
        let _ = writeln!(std::io::stderr(), "SKIPPED: no openssl here");
        return;
    }
    let server = start();
    let ca = server.dir.join("ca.pem");
    let key = server.dir.join("ca.key");
    let table: &[(&str, &[&str], i32, &str)] = &[
        ("127.0.0.1", &["--ca-file", ca.to_str().unwrap()], 0, "good: "),
        ("127.0.0.1", &["--insecure"], 0, "good: "),
        ("127.0.0.1", &[], 1, "UnknownIssuer"),
        ("127.0.0.2", &["--ca-file", ca.to_str().unwrap()], 1, "certificate"),
        ("127.0.0.1", &["--ca-file", key.to_str().unwrap()], 1, "holds no certificate"),
        ("127.0.0.1", &["--ca-file", "/nonexistent"], 1, "failed to read /nonexistent"),
    ];
    for (host, arguments, code, said) in table {
        let output = Command::new(env!("CARGO_BIN_EXE_ap-track-api"))
            .args(["--deadline", "5s", "--url", &format!("https://{host}:{}/", server.port)])
            .args(*arguments)
            .arg("--run-dir")
            .arg(&server.dir)
            .output()
            .unwrap();
        let out = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(*code), "{host} {arguments:?}: {out}");
        assert!(out.contains(said), "{out} instead of {said}");
    }
}
