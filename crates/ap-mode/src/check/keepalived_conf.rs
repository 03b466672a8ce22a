//! keepalived.conf, as far as the checks need it.

/// One line with the block below it, if any.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Item {
    words: Vec<String>,
    block: Vec<Item>,
}

/// What a keepalived.conf says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Conf {
    /// `enable_script_security`.
    pub script_security: bool,
    /// `script_user`.
    pub script_user: Option<String>,
    /// `vrrp_strict`.
    pub strict: bool,
    /// `vrrp_notify_fifo` or `notify_fifo`.
    pub fifo: Option<String>,
    /// `vrrp_script`.
    pub scripts: Vec<Script>,
    /// `track_file` or `vrrp_track_file`.
    pub files: Vec<TrackFile>,
    /// `vrrp_instance`.
    pub instances: Vec<Instance>,
}

/// A check.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Script {
    /// Its name.
    pub name: String,
    /// The program it runs, without arguments.
    pub program: String,
    /// `weight`.
    pub weight: i32,
    /// `interval` in microseconds.
    pub interval: u64,
    /// `timeout` in microseconds; the interval when there is none.
    pub timeout: u64,
}

/// A file that is watched.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TrackFile {
    /// Its name.
    pub name: String,
    /// The file.
    pub path: String,
    /// `weight`; 1 when nothing is said.
    pub weight: i32,
}

/// A virtual router.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Instance {
    /// Its name.
    pub name: String,
    /// `state`.
    pub state: String,
    /// `nopreempt`.
    pub nopreempt: bool,
    /// Whether there is a `unicast_peer`.
    pub unicast: bool,
    /// `virtual_ipaddress`, as written: address and prefix.
    pub addresses: Vec<String>,
    /// `track_script`: name and the weight given there.
    pub scripts: Vec<(String, Option<i32>)>,
    /// `track_file`: name and the weight given there.
    pub files: Vec<(String, Option<i32>)>,
    /// `notify`: its program.
    pub notify: Option<String>,
}

impl Conf {
    /// Reads the text. What is not understood is left out: keepalived itself says
    /// what is wrong with it.
    pub fn parse(text: &str) -> Self {
        let mut lines = text.lines();
        let mut conf = Self::default();
        for item in items(&mut lines) {
            let name = item.words.get(1).cloned().unwrap_or_default();
            match item.words.first().map_or("", String::as_str) {
                "global_defs" => conf.globals(&item.block),
                "vrrp_script" => conf.scripts.push(script(name, &item.block)),
                "track_file" | "vrrp_track_file" => conf.files.push(file(name, &item.block)),
                "vrrp_instance" => conf.instances.push(instance(name, &item.block)),
                _ => {}
            }
        }
        conf
    }

    fn globals(&mut self, block: &[Item]) {
        self.script_security |= has(block, "enable_script_security");
        self.strict |= has(block, "vrrp_strict");
        self.script_user = value(block, "script_user").or(self.script_user.take());
        self.fifo = value(block, "vrrp_notify_fifo").or(value(block, "notify_fifo")).or(self.fifo.take());
    }
}

fn script(name: String, block: &[Item]) -> Script {
    let micros = |key| value(block, key).and_then(|text| text.parse::<f64>().ok()).map(|s| (s * 1e6) as u64);
    let interval = micros("interval").unwrap_or(1_000_000);
    Script {
        name,
        program: program(value(block, "script")),
        weight: number(value(block, "weight")).unwrap_or(0),
        interval,
        timeout: micros("timeout").unwrap_or(interval),
    }
}

fn file(name: String, block: &[Item]) -> TrackFile {
    let path = value(block, "file").unwrap_or_default();
    TrackFile { name, path, weight: number(value(block, "weight")).unwrap_or(1) }
}

fn instance(name: String, block: &[Item]) -> Instance {
    let below = |key: &'static str| block.iter().filter(move |item| item.words.first().is_some_and(|word| word == key));
    let tracked = |key: &'static str| {
        let lines = below(key).flat_map(|item| &item.block);
        lines
            .map(|line| {
                let weight = line.words.iter().position(|word| word == "weight");
                let weight = weight.and_then(|at| number(line.words.get(at + 1).cloned()));
                (line.words.first().cloned().unwrap_or_default(), weight)
            })
            .collect()
    };
    Instance {
        name,
        state: value(block, "state").unwrap_or_default(),
        nopreempt: has(block, "nopreempt"),
        unicast: has(block, "unicast_peer"),
        addresses: below("virtual_ipaddress")
            .flat_map(|item| &item.block)
            .filter_map(|line| line.words.first().cloned())
            .collect(),
        scripts: tracked("track_script"),
        files: tracked("track_file"),
        notify: value(block, "notify").map(|text| program(Some(text))),
    }
}

fn has(block: &[Item], key: &str) -> bool {
    block.iter().any(|item| item.words.first().is_some_and(|word| word == key))
}

fn value(block: &[Item], key: &str) -> Option<String> {
    let item = block.iter().rfind(|item| item.words.first().is_some_and(|word| word == key))?;
    item.words.get(1).cloned()
}

fn number(text: Option<String>) -> Option<i32> {
    text?.parse().ok()
}

/// The program of a command line.
fn program(command: Option<String>) -> String {
    command.unwrap_or_default().split_whitespace().next().unwrap_or_default().to_owned()
}

/// The lines up to the end of the block, each with its own block.
fn items<'a>(lines: &mut impl Iterator<Item = &'a str>) -> Vec<Item> {
    let mut items: Vec<Item> = Vec::new();
    while let Some(line) = lines.next() {
        let mut words = words(line);
        let opens = words.last().is_some_and(|word| word == "{");
        if opens {
            words.pop();
        }
        if words.first().is_some_and(|word| word == "}") {
            return items;
        }
        match (words.is_empty(), opens) {
            (true, false) => {}
            // A brace on a line of its own belongs to the line before.
            (true, true) => {
                let block = self::items(lines);
                if let Some(last) = items.last_mut() {
                    last.block = block;
                }
            }
            (false, false) => items.push(Item { words, block: Vec::new() }),
            (false, true) => {
                let block = self::items(lines);
                items.push(Item { words, block });
            }
        }
    }
    items
}

/// The words of a line; quoted ones whole, comments (# and !) left out.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted, mut any) = (Vec::new(), String::new(), false, false);
    for c in line.chars() {
        match c {
            '"' => (quoted, any) = (!quoted, true),
            '#' | '!' if !quoted => break,
            c if c.is_whitespace() && !quoted => {
                if any {
                    words.push(std::mem::take(&mut word));
                    any = false;
                }
            }
            c => {
                word.push(c);
                any = true;
            }
        }
    }
    if any {
        words.push(word);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_install_writes_and_what_others_write_is_understood() {
        let text = r#"
# comment { with brace
global_defs {
    enable_script_security  ! and another
    script_user root
    vrrp_notify_fifo /run/ap/notify.fifo
}
vrrp_script track_db
{
    script "/usr/bin/ap-track-db --config /etc/ap/ap.toml"
    interval 2
    timeout 1.5
    weight -20
}
track_file fault_db {
    file "/run/ap/fault/db"
    weight 0
}
vrrp_track_file bare {
    file /run/x
}
vrrp_instance ap {
    state BACKUP
    nopreempt
    unicast_peer {
        192.0.2.12
    }
    virtual_ipaddress {
        192.0.2.10/24 dev eth0
    }
    track_script {
        track_db weight 5
        track_nic
    }
    track_file {
        fault_db
    }
    notify "/usr/bin/ap-notify --config /etc/ap/ap.toml"
}
"#;
        let conf = Conf::parse(text);
        assert!(conf.script_security && !conf.strict);
        assert_eq!(conf.script_user.as_deref(), Some("root"));
        assert_eq!(conf.fifo.as_deref(), Some("/run/ap/notify.fifo"));
        let script = &conf.scripts[0];
        assert_eq!((script.program.as_str(), script.weight), ("/usr/bin/ap-track-db", -20));
        assert_eq!((script.interval, script.timeout), (2_000_000, 1_500_000));
        assert_eq!(conf.files.iter().map(|file| file.weight).collect::<Vec<_>>(), [0, 1]);
        let instance = &conf.instances[0];
        assert!(instance.nopreempt && instance.unicast && instance.state == "BACKUP");
        assert_eq!(instance.addresses, ["192.0.2.10/24"]);
        assert_eq!(instance.scripts, [("track_db".into(), Some(5)), ("track_nic".into(), None)]);
        assert_eq!(instance.files, [("fault_db".into(), None)]);
        assert_eq!(instance.notify.as_deref(), Some("/usr/bin/ap-notify"));
    }
}
