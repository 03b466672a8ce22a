//! What is known of the server on this machine without asking it: it need not run.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use ap_db::Release;

use ap_host::process::run;

/// Neither of these programs does more than read a file.
const SHORT: Duration = Duration::from_secs(5);

/// Which one is installed.
pub fn release() -> Option<Release> {
    output("mariadbd", &["--no-defaults", "--version"]).and_then(|text| Release::find(&text))
}

/// Where the server keeps its data, from its own settings.
pub fn data_directory() -> PathBuf {
    setting("datadir").map_or_else(|| "/var/lib/mysql".into(), PathBuf::from)
}

/// A setting of the server, the last one wins as it does for the server.
pub fn setting(name: &str) -> Option<String> {
    let text = output("my_print_defaults", &["--mysqld", "mariadb", "mariadbd", "server"])?;
    text.lines().rev().find_map(|line| {
        let (key, value) = line.strip_prefix("--")?.split_once('=')?;
        (key.replace('_', "-") == name).then(|| value.to_owned())
    })
}

/// What a program prints.
fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let mut command = Command::new(program);
    command.args(arguments);
    run(command, b"", SHORT).ok()
}
