//! A throw-away MariaDB, the real binary in front of it, and a client.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Longest wait for a server to come up, crash recovery included.
pub const START: Duration = Duration::from_secs(60);
/// Longest wait for a client's answer.
const ANSWER: Duration = Duration::from_secs(30);

/// A temporary directory with a data directory in it, and the server when it runs.
pub struct MariaDb {
    dir: PathBuf,
    server: Option<Child>,
}

impl MariaDb {
    /// A fresh data directory with a running server and the demo schema.
    /// `None`, said loudly, when MariaDB is not installed; under `CI` that fails.
    pub fn new(options: &[&str]) -> Option<Self> {
        if !["mariadbd", "mariadb-install-db", "mariadb"].iter().all(|program| is_there(program)) {
            // Not eprintln: the test harness would swallow it.
            let note = "SKIPPED: needs mariadbd, type apt-get install mariadb-server-core mariadb-client-core\n";
            std::io::stderr().write_all(note.as_bytes()).unwrap();
            assert!(std::env::var_os("CI").is_none(), "{note}");
            return None;
        }
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("demo-api-{}-{count}", std::process::id()));
        std::fs::create_dir(&dir).unwrap();
        let mut db = Self { dir, server: None };
        let data = format!("--datadir={}", db.dir.join("data").display());
        // A server that starts clears left-over files out of its temporary
        // directory, and would clear those of its neighbours in /tmp.
        let made = Command::new("mariadb-install-db")
            .env("TMPDIR", &db.dir)
            .args(["--no-defaults", &data, "--skip-test-db", "--auth-root-authentication-method=normal"])
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        db.start(options);
        let model = script("init-model", &db.model_args());
        assert!(model.status.success(), "{model:?}");
        Some(db)
    }

    /// Starts the server and waits until it answers.
    pub fn start(&mut self, options: &[&str]) {
        let log = std::fs::File::create(self.dir.join("log")).unwrap();
        let server = Command::new("mariadbd")
            .env("TMPDIR", &self.dir)
            .args(["--no-defaults", "--skip-networking", "--user=root", "--innodb-buffer-pool-size=16M"])
            .arg(format!("--datadir={}", self.dir.join("data").display()))
            .arg(format!("--socket={}", self.socket().display()))
            .args(options)
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        self.server = Some(server);
        until("mariadbd answers", START, || self.try_sql("SELECT 1").is_ok());
    }

    /// SIGKILL, as a fence or an out-of-memory killer would.
    pub fn kill(&mut self) {
        if let Some(mut server) = self.server.take() {
            server.kill().unwrap();
            server.wait().unwrap();
        }
    }

    /// Sends the server a signal such as `STOP`.
    pub fn signal(&self, signal: &str) {
        let pid = self.server.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args(["-s", signal, &pid]).status().unwrap().success());
    }

    pub fn socket(&self) -> PathBuf {
        self.dir.join("sock")
    }

    /// Runs statements as root; the output without headings.
    pub fn sql(&self, statements: &str) -> String {
        self.try_sql(statements).unwrap()
    }

    fn try_sql(&self, statements: &str) -> Result<String, String> {
        let out = Command::new("mariadb")
            .args(["--no-defaults", "-u", "root", "-N", "-B", "-e", statements])
            .arg(format!("--socket={}", self.socket().display()))
            .output()
            .unwrap();
        match out.status.success() {
            true => Ok(String::from_utf8(out.stdout).unwrap().trim_end().into()),
            false => Err(String::from_utf8_lossy(&out.stderr).into_owned()),
        }
    }

    /// The account's password, as `init-model` made it.
    pub fn password_file(&self) -> PathBuf {
        self.dir.join("password")
    }

    /// What `init-model` needs to know.
    pub fn model_args(&self) -> [String; 4] {
        let path = |path: PathBuf| path.to_string_lossy().into_owned();
        ["--socket".into(), path(self.socket()), "--password-file".into(), path(self.password_file())]
    }
}

/// Runs one of the repository's scripts.
pub fn script(name: &str, args: &[impl AsRef<std::ffi::OsStr>]) -> Output {
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts");
    Command::new(scripts.join(name)).args(args).output().unwrap()
}

impl Drop for MariaDb {
    fn drop(&mut self) {
        self.kill();
        // Left behind at worst; the test's own verdict matters more.
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

fn is_there(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir| dir.join(program).is_file())
}

/// The binary under test.
pub struct Api {
    process: Child,
    pub address: SocketAddr,
}

impl Api {
    /// Starts it on `listen` and reads from its log where it listens.
    pub fn start(db: &MariaDb, listen: &str, options: &[&str]) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_demo-api"))
            .args(["--listen", listen, "--socket"])
            .arg(db.socket())
            .arg("--password-file")
            .arg(db.password_file())
            .args(options)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(process.stderr.take().unwrap());
        let mut line = String::new();
        log.read_line(&mut line).unwrap();
        let address = line
            .split_once("listening on ")
            .and_then(|(_, rest)| rest.split(',').next()?.parse().ok())
            .unwrap_or_else(|| panic!("no address in {line:?}"));
        // Read on, so that the service never blocks on a full pipe.
        std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::stderr()));
        Self { process, address }
    }

    pub fn get(&self, target: &str) -> Answer {
        self.send(&format!("GET {target} HTTP/1.1\r\nConnection: close\r\n\r\n"))
    }

    pub fn post(&self, body: &str) -> Answer {
        let length = body.len();
        let head = format!("POST /users HTTP/1.1\r\nConnection: close\r\nContent-Length: {length}");
        self.send(&format!("{head}\r\n\r\n{body}"))
    }

    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(ANSWER)).unwrap();
        stream
    }

    /// Sends bytes and reads until the service closes the connection.
    pub fn send(&self, request: &str) -> Answer {
        let mut stream = self.connect();
        stream.write_all(request.as_bytes()).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        Answer {
            status: head.split(' ').nth(1).unwrap().parse().unwrap(),
            head: head.into(),
            body: body.trim_end().into(),
        }
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

/// An answer, taken apart.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    /// Asserts the status and a part of the body.
    #[track_caller]
    pub fn is(&self, status: u16, part: &str) -> &Self {
        assert!(self.status == status && self.body.contains(part), "expected {status} {part}, got {self:?}");
        self
    }
}

/// Waits until `condition` holds.
#[track_caller]
pub fn until(what: &str, deadline: Duration, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < deadline, "deadline passed: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
