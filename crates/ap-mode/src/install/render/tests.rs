//! The rendered files of both hosts, against the kept ones and against keepalived itself.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use super::*;
use ap_core::config::parse;

const DEFAULTS: &str = r#"
vip = "192.0.2.10"
[[host]]
name = "node1"
address = "192.0.2.11"
nic = "eth0"
[[host]]
name = "node2"
address = "192.0.2.12"
nic = "enp3s0"
[api]
unit = "demo-api.service"
"#;

/// Nothing left at its default that a file depends on.
const ELSEWHERE: &str = r#"
codename = "shop"
vip = "198.51.100.10"
[[host]]
name = "left"
address = "198.51.100.11"
nic = "bond0.7"
[[host]]
name = "right"
address = "198.51.100.12"
nic = "eth1"
[database]
unit = "mysql.service"
port = 3307
credentials = "/srv/ap/secret.toml"
settings = "/srv/mysql/ap.cnf"
[api]
unit = "shop@main.service"
[keepalived]
config = "/srv/keepalived.conf"
virtual-router-id = 77
advert-interval = "50ms"
hooks = "notify"
[check]
interval = "500ms"
timeout = "400ms"
fall = 3
rise = 4
[pair]
port = 7441
[start]
scheduler = "at"
delay = "3min"
nic-timeout = "90s"
[paths]
programs = "/opt/ap/bin"
scripts = "/opt/ap/lib"
state = "/srv/ap/state"
run = "/run/shop-pair"
units = "/usr/lib/systemd/system"
"#;

/// All files of one host as one text.
fn render(toml: &str, host: usize, keepalived: Version, log_bin: Option<&str>) -> Result<Vec<Rendered>> {
    let config = parse(toml, "ap.toml").unwrap();
    files(&Node {
        config: &config,
        path: Path::new("/etc/ap/ap.toml"),
        own: &config.host[host],
        peer: &config.host[1 - host],
        keepalived,
        log_bin: log_bin.map(Into::into),
    })
}

fn as_one(files: &[Rendered]) -> String {
    files.iter().map(|file| format!("==> {} <==\n{}\n", file.path.display(), file.text)).collect()
}

/// Compares with tests/golden; `AP_BLESS=1` writes it anew.
fn golden(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("AP_BLESS").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap();
    let diff = crate::install::diff::unified(name, Some(&kept), Some(text));
    assert!(diff.is_empty(), "if this is right, run again with AP_BLESS=1:\n{diff}");
}

#[test]
fn files_are_as_kept() {
    let cron = format!("{DEFAULTS}\n[start]\nscheduler = \"cron\"\ndelay = \"1m 30s\"\n");
    let boot = format!("{DEFAULTS}\n[start]\ndelay = \"2500ms\"\n");
    let table = [
        ("node1.txt", DEFAULTS, 0, Version(2, 2, 7)),
        ("node2.txt", DEFAULTS, 1, Version(2, 2, 7)),
        ("elsewhere.txt", ELSEWHERE, 1, Version(2, 3, 3)),
        ("cron.txt", &cron, 0, Version(2, 1, 5)),
        ("delay.txt", &boot, 0, Version(2, 2, 7)),
    ];
    for (name, toml, host, keepalived) in table {
        golden(name, &as_one(&render(toml, host, keepalived, None).unwrap()));
    }
}

#[test]
fn hosts_differ_only_in_what_is_their_own() {
    let [a, b] = [0, 1].map(|host| as_one(&render(DEFAULTS, host, Version(2, 2, 7), None).unwrap()));
    assert_eq!(a.lines().count(), b.lines().count());
    let differing: Vec<&str> = a
        .lines()
        .zip(b.lines())
        .filter(|(a, b)| a != b)
        .map(|(a, _)| a.split_whitespace().next().unwrap_or(a))
        .collect();
    let expected = [
        "ListenStream=192.0.2.11:7331",
        "#",
        "router_id",
        "interface",
        "priority",
        "unicast_src_ip",
        "192.0.2.12",
        "192.0.2.10/32",
        "server_id",
    ];
    assert_eq!(differing, expected);
}

#[test]
fn every_file_says_who_wrote_it_and_where_to_change_it() {
    for file in render(ELSEWHERE, 0, Version(2, 3, 3), Some("old-bin")).unwrap() {
        let first = "# Written by ap-mode install; changes are refused, edit /etc/ap/ap.toml\n";
        assert!(file.text.starts_with(first), "{}", file.path.display());
    }
}

#[test]
fn what_cannot_be_expressed_is_refused() {
    let table = [
        (
            ELSEWHERE.to_owned(),
            "check.interval = 500ms: keepalived 2.2.7 takes whole seconds only; fractions need 2.3.2 or newer",
        ),
        (
            format!("{DEFAULTS}\n[paths]\nrun = \"/run/a b\"\n"),
            "paths.run = /run/a b: must be made of letters, digits and /._+-",
        ),
        (
            format!("{DEFAULTS}\n[paths]\nprograms = \"/opt/%h\"\n"),
            "paths.programs = /opt/%h: must be made of letters, digits and /._+-",
        ),
    ];
    for (toml, expected) in table {
        let error = render(&toml, 0, Version(2, 2, 7), None).unwrap_err();
        assert_eq!(error.to_string(), expected);
        assert_eq!(crate::failure::exit_of(&error), Exit::Config);
    }
}

/// Says so past the test harness, which keeps quiet about tests that pass; with
/// `CI` set it is a failure.
fn skipped(why: &str) {
    assert!(std::env::var_os("CI").is_none(), "{why}");
    let _ = writeln!(std::io::stderr(), "SKIPPED: {why}");
}

#[test]
fn keepalived_accepts_its_configuration() {
    let Ok(version) = crate::install::host::keepalived_version() else {
        return skipped("keepalived is not installed");
    };
    // Script security wants each component owned by root and closed to others.
    let home = PathBuf::from(format!("/run/ap-mode-test-{}", std::process::id()));
    // keepalived 2.3 wants the directory of a track_file.
    if std::fs::create_dir_all(home.join("run/fault")).is_err() {
        return skipped("not root: keepalived's script security cannot be met");
    }
    for program in ["ap-track-nic", "ap-track-api", "ap-track-db", "ap-notify"] {
        std::fs::write(home.join(program), "#!/bin/sh\n").unwrap();
        std::fs::set_permissions(home.join(program), std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    for hooks in ["fifo", "notify"] {
        let toml = format!(
            "{DEFAULTS}\n[keepalived]\nhooks = \"{hooks}\"\n[paths]\nprograms = \"{0}\"\nrun = \"{0}/run\"\n",
            home.display()
        );
        for host in [0, 1] {
            let files = render(&toml, host, version, None).unwrap();
            let text = &files
                .iter()
                .find(|file| file.path.ends_with("keepalived.conf") && file.path.starts_with("/etc/keepalived"))
                .unwrap()
                .text;
            crate::install::host::test_keepalived(text, version).unwrap();
            let broken = text.replace("ap-track-nic", "ap-track-nil");
            let error = crate::install::host::test_keepalived(&broken, version).unwrap_err();
            assert_eq!(crate::failure::exit_of(&error), Exit::Config);
        }
    }
    std::fs::remove_dir_all(&home).unwrap();
}

#[test]
fn systemd_accepts_the_units() {
    let dir = std::env::temp_dir().join(format!("ap-mode-units-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    // Programs and configuration need not be there: `true` is.
    let mut units = Vec::new();
    for file in render(ELSEWHERE, 0, Version(2, 3, 3), None).unwrap() {
        if let Some(name) =
            file.path.file_name().filter(|_| file.path.parent() == Some(Path::new("/usr/lib/systemd/system")))
        {
            let text: String =
                file.text.replace("/opt/ap/bin/ap-mode", "/bin/true").replace("/opt/ap/bin/ap-notify", "/bin/true");
            let text = text.replace("/opt/ap/bin/ap-track-nic", "/bin/true").replace("/usr/bin/at ", "/bin/true ");
            std::fs::write(dir.join(name), text).unwrap();
            units.push(dir.join(name));
        }
    }
    match Command::new("systemd-analyze").arg("verify").arg("--man=no").args(&units).output() {
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            // Other units of the machine may be whatever they are.
            let ours: Vec<&str> = said.lines().filter(|line| line.contains(&dir.display().to_string())).collect();
            assert!(ours.is_empty(), "{ours:#?}");
        }
        Err(error) => skipped(&format!("systemd-analyze: {error}")),
    }
    std::fs::remove_dir_all(&dir).unwrap();
}
