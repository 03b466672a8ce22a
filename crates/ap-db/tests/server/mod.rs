//! A throw-away MariaDB, with the settings the toolkit installs.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use ap_core::sql::{Settings, mariadb_settings};
use ap_db::{Credentials, Database, MariaDb};
use mysql::{Conn, OptsBuilder};

/// Longest start of a server, on a machine that builds at the same time.
const START: Duration = Duration::from_secs(60);

/// Longest call in tests that are not about deadlines.
pub const TIMEOUT: Duration = Duration::from_secs(20);

/// A server, its directory and its port; both gone at the end of the test.
pub struct Server {
    child: Child,
    home: PathBuf,
    pub port: u16,
    id: u32,
    options: Vec<String>,
}

/// Where another release lies, unpacked, if it is to be tested instead of the
/// one in PATH: `AP_TEST_ROOT=/some/root cargo test -p ap-db`.
fn root() -> PathBuf {
    std::env::var_os("AP_TEST_ROOT").map_or_else(|| "/".into(), PathBuf::from)
}

/// A program of MariaDB, found in PATH or in the root.
fn program(name: &str) -> Command {
    let root = root();
    if root == Path::new("/") {
        return Command::new(name);
    }
    let mut command = Command::new("chroot");
    command.arg(root).arg(name);
    command
}

impl Server {
    /// Starts an empty server on a free port.
    pub fn start(name: &str, id: u32, options: &[&str]) -> Self {
        let home = PathBuf::from(format!("/tmp/ap-db-{}-{name}", std::process::id()));
        let outside = Self::outside(&home);
        // A directory for temporary files of its own: a server that starts removes
        // all that look like a server's.
        fs::create_dir_all(outside.join("tmp")).unwrap();
        let temporary = format!("--tmpdir={}/tmp", home.display());
        let data = format!("--datadir={}/data", home.display());
        let installed = program("mariadb-install-db")
            .args(["--no-defaults", "--user=root", "--auth-root-authentication-method=normal"])
            .args(["--skip-test-db", "--force", &data, &temporary])
            .output()
            .expect("mariadb-install-db must be in PATH (Debian package mariadb-server-core)");
        assert!(installed.status.success(), "{}", String::from_utf8_lossy(&installed.stderr));
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let settings = mariadb_settings(&Settings { server_id: id, port, log_bin: None });
        fs::write(outside.join("my.cnf"), settings).unwrap();
        let options = options.iter().map(|&option| option.to_owned()).collect();
        let child = Self::spawn(&home, &options);
        let server = Self { child, home, port, id, options };
        server.wait();
        server
    }

    fn outside(home: &Path) -> PathBuf {
        root().join(home.strip_prefix("/").unwrap())
    }

    fn spawn(home: &Path, options: &Vec<String>) -> Child {
        let home = home.display();
        program("mariadbd")
            .arg(format!("--defaults-file={home}/my.cnf"))
            .args(["--user=root", "--skip-name-resolve", "--bind-address=127.0.0.1"])
            .arg(format!("--datadir={home}/data"))
            .arg(format!("--tmpdir={home}/tmp"))
            .arg(format!("--socket={home}/sock"))
            .arg(format!("--pid-file={home}/pid"))
            .arg(format!("--log-error={home}/err"))
            .args(["--innodb-buffer-pool-size=16M", "--innodb-log-file-size=8M"])
            .args(options)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("mariadbd must be in PATH (Debian package mariadb-server-core)")
    }

    fn wait(&self) {
        let begun = Instant::now();
        while let Err(error) = self.database("root", "").status() {
            let log = fs::read_to_string(Self::outside(&self.home).join("err")).unwrap_or_default();
            assert!(begun.elapsed() < START, "server {} does not come up: {error:#}\n{log}", self.id);
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Kills the server and starts it again on its data.
    pub fn crash(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.child = Self::spawn(&self.home, &self.options);
        self.wait();
    }

    pub fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    pub fn socket(&self) -> PathBuf {
        Self::outside(&self.home).join("sock")
    }

    pub fn database(&self, user: &str, password: &str) -> MariaDb {
        self.database_within(user, password, TIMEOUT)
    }

    pub fn database_within(&self, user: &str, password: &str, timeout: Duration) -> MariaDb {
        MariaDb::new(&self.socket(), &credentials(user, password), timeout)
    }

    /// A client of the service: not through the adapter.
    pub fn client(&self, user: &str, password: &str) -> Result<Conn, mysql::Error> {
        let opts =
            OptsBuilder::new().socket(Some(self.socket().to_string_lossy())).user(Some(user)).pass(Some(password));
        Conn::new(opts.prefer_socket(false).read_timeout(Some(TIMEOUT)).write_timeout(Some(TIMEOUT)))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(Self::outside(&self.home));
    }
}

pub fn credentials(user: &str, password: &str) -> Credentials {
    Credentials {
        user: user.into(),
        password: password.into(),
        replication_user: "repl".into(),
        replication_password: "un's\\een".into(),
    }
}
