//! The real binary: exit codes and what it says.

// The helpers of a test assert as the test itself does.
#![allow(clippy::unwrap_used)]

use std::path::PathBuf;
use std::process::{Command, Output};

const CONFIG: &str = r#"
vip = "192.0.2.10"
[[host]]
name = "node1"
address = "192.0.2.11"
nic = "eth0"
[[host]]
name = "node2"
address = "192.0.2.12"
nic = "eth0"
[api]
unit = "demo-api.service"
"#;

/// A directory of one test, gone at its end.
struct Home(PathBuf);

impl Home {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("ap-mode-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// Writes the configuration with more keys at its end; the paths lie in here.
    fn config(&self, more: &str) -> PathBuf {
        let paths = format!("[paths]\nrun = \"{0}/run\"\nstate = \"{0}/state\"\n", self.0.display());
        let path = self.0.join("ap.toml");
        std::fs::write(&path, format!("{CONFIG}{paths}{more}")).unwrap();
        path
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn ap_mode(config: &PathBuf, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ap-mode")).arg("--config").arg(config).args(args).output().unwrap()
}

/// Exit code and everything said.
fn outcome(config: &PathBuf, args: &[&str]) -> (Option<i32>, String) {
    let output = ap_mode(config, args);
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(said).unwrap())
}

#[test]
fn exit_codes() {
    let home = Home::new("exit");
    let good = home.config("");
    let missing = PathBuf::from("/nonexistent/ap.toml");
    let misspelt = home.0.join("misspelt.toml");
    std::fs::write(&misspelt, format!("{CONFIG}[keepalived]\nvirtual-router-di = 5\n")).unwrap();
    let long = "x".repeat(5000);
    let table: [(&PathBuf, &[&str], i32, &str); 13] = [
        (&missing, &["show"], 78, "/nonexistent/ap.toml"),
        (&misspelt, &["show"], 78, "virtual-router-id"),
        (&good, &[], 64, "Usage"),
        (&good, &["frobnicate"], 64, "frobnicate"),
        (&good, &["set"], 64, "MODE"),
        (&good, &["set", "standby"], 64, "allowed: ap, s, m"),
        (&good, &["set", "ap", "--role", "boss"], 64, "allowed: active, standby"),
        (&good, &["start", "--who", "me"], 64, "boot, at, cron"),
        (&good, &["start", "--timeout", "soon"], 64, "soon"),
        (&good, &["install", "--host", "node1"], 64, "--root"),
        (&good, &["set", "m", "--why", &long], 64, "too long"),
        (&good, &["set", "m"], 69, "systemctl start ap-notify.socket"),
        (&good, &["--help"], 0, "install"),
    ];
    for (config, args, code, says) in table {
        let (exit, said) = outcome(config, args);
        assert_eq!(exit, Some(code), "{args:?}: {said}");
        assert!(said.contains(says), "{args:?}: {said}");
        assert!(said.matches("error:").count() <= 1, "printed once: {said}");
    }
}

#[test]
fn a_machine_that_is_neither_host_is_told_both_addresses() {
    let home = Home::new("neither");
    for args in [&["show"][..], &["install", "--dry-run"]] {
        let (exit, said) = outcome(&home.config(""), args);
        assert_eq!(exit, Some(78), "{said}");
        assert!(said.contains("192.0.2.11, 192.0.2.12"), "{said}");
    }
}

#[test]
fn install_into_a_directory_is_idempotent_and_guards_edited_files() {
    let home = Home::new("install");
    let config = home.config("");
    let root = home.0.join("root");
    let root = root.to_str().unwrap();
    let install = |more: &[&str]| outcome(&config, &[&["install", "--root", root, "--host", "node2"], more].concat());
    let (exit, said) = install(&["--dry-run"]);
    assert_eq!(exit, Some(0), "{said}");
    assert!(said.contains("+vrrp_instance ap {") && said.contains("would create"), "{said}");
    assert!(!PathBuf::from(root).exists(), "a dry run writes nothing");

    let (exit, said) = install(&[]);
    assert_eq!(exit, Some(0), "{said}");
    assert!(said.contains("credentials.toml with new passwords"), "{said}");
    let state = format!("{root}{}/state/state.toml", home.0.display());
    assert!(std::fs::read_to_string(&state).unwrap().contains("mode = \"m\""));
    assert_eq!(install(&[]), (Some(0), "nothing to change\n".into()));

    let edited = format!("{root}/etc/keepalived/keepalived.conf");
    std::fs::write(&edited, "mine\n").unwrap();
    let (exit, said) = install(&[]);
    assert_eq!(exit, Some(1), "{said}");
    assert!(said.contains("-mine") && said.contains("refused: /etc/keepalived/keepalived.conf was edited"), "{said}");
    assert_eq!(std::fs::read_to_string(&edited).unwrap(), "mine\n");
    let (exit, said) = install(&["--force"]);
    assert_eq!(exit, Some(0), "{said}");
    assert_eq!(install(&[]).1, "nothing to change\n");
    let kept = format!("{root}{}/state/replaced/etc/keepalived/keepalived.conf", home.0.display());
    assert_eq!(std::fs::read_to_string(kept).unwrap(), "mine\n");
}

#[test]
fn a_request_goes_through_the_fifo_and_ends_with_its_exit_code() {
    let home = Home::new("request");
    let config = home.config("");
    std::fs::create_dir_all(home.0.join("run/reply")).unwrap();
    let fifo = home.0.join("run/notify.fifo");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
    // In place of ap-notify: reads one request, answers a step and the end.
    let run = home.0.join("run");
    let mut server = Command::new("sh")
        .arg("-c")
        .arg(
            r#"exec 3<>"$1/notify.fifo"; echo ready; read -r line <&3; printf '%s\n' "$line" >"$1/line"
            id=${line#*\"id\":\"}; id=${id%%\"*}
            printf '%s\n' '{"reply":"step","text":"one step"}' '{"reply":"done","exit":1,"text":"refused: so"}' >"$1/reply/$id""#,
        )
        .args(["sh", run.to_str().unwrap()])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut ready = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(server.stdout.take().unwrap()), &mut ready).unwrap();
    let output = ap_mode(&config, &["set", "ap", "--role", "active", "--why", "it's \"time\"", "--timeout", "20s"]);
    server.wait().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "refused: so\n");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "one step\n");
    let line = std::fs::read_to_string(run.join("line")).unwrap();
    assert!(line.contains(r#""why":"it's \"time\"""#) && line.contains(r#""role":"active""#), "{line}");
    assert_eq!(std::fs::read_dir(run.join("reply")).unwrap().count(), 0);
}
