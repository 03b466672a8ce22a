//! One node: a whole Debian machine with systemd as its first process.

use std::fs::{self, File};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::command::{Output, run};
use crate::lab::Lab;
use crate::leftovers;
use crate::wait::{Seen, equals, wait_for};

/// Longest time a boot may take, also on a busy host.
const BOOT: Duration = Duration::from_secs(60);
/// Longest time an orderly shutdown may take (systemd itself waits 90 s for a unit).
const SHUTDOWN: Duration = Duration::from_secs(120);
/// Deadline of [`Node::run`].
const COMMAND: Duration = Duration::from_secs(20);
const SCRIPT: &str = include_str!("boot.sh");

/// How the node's port on the bridge is; outlives a power cycle as a switch would.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Port {
    /// Cable plugged in: the node sees a carrier.
    pub carrier: bool,
    /// Connected to the bridge.
    pub bridged: bool,
    /// Kept from other isolated ports, but not from gateway and clients.
    pub isolated: bool,
}

struct Machine {
    nspawn: Child,
    leader: i32,
}

/// A machine of the lab. Methods take `&self`: faults come from any thread.
pub struct Node {
    name: String,
    nic: String,
    address: Ipv4Addr,
    lab: Arc<Lab>,
    directory: PathBuf,
    lower: String,
    group: String,
    environment: &'static [(&'static str, &'static str)],
    machine: Mutex<Option<Machine>>,
    port: Mutex<Port>,
}

impl Node {
    /// Makes a node that is switched off. `lower` are the directories it starts
    /// from, uppermost first; what it writes goes to `directory`.
    pub fn new(
        lab: &Arc<Lab>,
        name: &str,
        nic: &str,
        address: Ipv4Addr,
        directory: &Path,
        lower: &[&Path],
    ) -> Result<Self> {
        for part in ["upper", "work", "root"] {
            fs::create_dir_all(directory.join(part))?;
        }
        let group = format!("{name}-{}", lab.unique());
        fs::create_dir(leftovers::group(lab.id()).join(&group))?;
        let lower: Vec<_> = lower.iter().map(|path| path.to_string_lossy()).collect();
        Ok(Self {
            name: name.to_owned(),
            nic: nic.to_owned(),
            address,
            lab: Arc::clone(lab),
            directory: directory.to_owned(),
            lower: lower.join(":"),
            group,
            environment: &[],
            machine: Mutex::new(None),
            port: Mutex::new(Port { carrier: true, bridged: true, isolated: false }),
        })
    }

    /// With more in the environment of what is run inside.
    #[must_use]
    pub fn with_environment(mut self, environment: &'static [(&'static str, &'static str)]) -> Self {
        self.environment = environment;
        self
    }

    /// `a` or `b`; also the hostname.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its own address.
    pub fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// Name of its network interface.
    pub fn nic(&self) -> &str {
        &self.nic
    }

    /// The lab it lives in.
    pub fn lab(&self) -> &Arc<Lab> {
        &self.lab
    }

    /// What the node wrote to its disk; readable while it is off, too.
    pub fn upper(&self) -> PathBuf {
        self.directory.join("upper")
    }

    /// What its console showed.
    pub fn console(&self) -> PathBuf {
        self.directory.join("console")
    }

    /// Its end of the cable, on the lab's side.
    pub fn port_name(&self) -> String {
        format!("port-{}", self.name)
    }

    /// Its control group.
    pub fn group(&self) -> PathBuf {
        leftovers::group(self.lab.id()).join(&self.group)
    }

    /// Process id of its systemd, as the host sees it.
    pub fn leader(&self) -> Result<i32> {
        if let Some(machine) = self.machine().as_mut()
            && machine.nspawn.try_wait()?.is_none()
        {
            return Ok(machine.leader);
        }
        bail!("node {} is off", self.name)
    }

    /// Switches it on and waits until systemd says that it is up. Returns the time it took.
    pub fn power_on(&self) -> Result<Duration> {
        let started = Instant::now();
        self.start()?;
        self.wait_booted()?;
        Ok(started.elapsed())
    }

    /// Switches it on without waiting for the boot to finish.
    pub fn start(&self) -> Result<()> {
        ensure!(self.leader().is_err(), "node {} is on already", self.name);
        // Remains of the last boot's control groups; the new one makes its own. A
        // process that is still being taken apart keeps its group busy for a moment.
        wait_for("the last boot's processes to be gone", SHUTDOWN, || {
            for group in leftovers::children(&self.group()) {
                leftovers::remove_groups(&group)?;
            }
            Ok(Seen::Done(()))
        })?;
        let script = self.lab.directory().join("boot.sh");
        fs::write(&script, SCRIPT)?;
        let console = File::options().create(true).append(true).open(self.console())?;
        let namespace = self.lab.namespace();
        let machine = format!("{namespace}-{}", self.name);
        let group = format!("{}/{}", leftovers::group_name(self.lab.id()), self.group);
        // No fork on the way: the process that is started becomes systemd-nspawn.
        let mut nspawn = Command::new("nsenter")
            .arg(format!("--net=/run/netns/{namespace}"))
            .args(["unshare", "--mount", "--propagation", "slave", "sh"])
            .arg(&script)
            .args([&machine, &self.name, &self.nic, &self.port_name()])
            .arg(&self.lower)
            .arg(&self.directory)
            .arg(&group)
            .stdin(Stdio::null())
            .stdout(console.try_clone()?)
            .stderr(console)
            .spawn()
            .context("failed to start systemd-nspawn")?;
        let parent = nspawn.id();
        let found = wait_for("the node's first process", BOOT, || {
            if let Some(status) = nspawn.try_wait()? {
                return Ok(Seen::Done(Err(status)));
            }
            Ok(match first_process(parent) {
                Some(leader) => Seen::Done(Ok(leader)),
                None => Seen::Not("no such process".to_owned()),
            })
        });
        let leader = match found {
            Ok((Ok(leader), _)) => leader,
            Ok((Err(status), _)) => bail!(
                "node {} did not start ({status}): {}",
                self.name,
                fs::read_to_string(self.console()).unwrap_or_default()
            ),
            Err(error) => return Err(error),
        };
        *self.machine() = Some(Machine { nspawn, leader });
        fs::write(self.directory.join("leader"), leader.to_string())?;
        self.connect()
    }

    /// Waits until systemd has finished its boot, well or with failed units.
    pub fn wait_booted(&self) -> Result<()> {
        let name = &self.name;
        wait_for(&format!("the boot of node {name}"), BOOT, || {
            let state = self.sh("systemctl is-system-running --wait", BOOT)?;
            Ok(match state.stdout.as_str() {
                "running" | "degraded" => Seen::Done(()),
                _ => Seen::Not(format!("{} {}", state.stdout, state.stderr)),
            })
        })
        .map(drop)
    }

    /// Loses power: nothing in it runs on, no packet leaves it any more.
    pub fn power_off(&self) -> Result<()> {
        // Frozen first, so that nobody in there sees the others die, then cut
        // off, because a dying process closes its connections politely and a
        // machine without power does not.
        self.set_frozen(true)?;
        let _ = self.lab.ip(&["link", "set", &self.port_name(), "nomaster"]);
        self.kill()?;
        self.set_frozen(false)
    }

    fn kill(&self) -> Result<()> {
        leftovers::kill_group(&self.group())?;
        if let Some(mut machine) = self.machine().take() {
            machine.nspawn.wait()?;
            fs::remove_file(self.directory.join("leader"))?;
        }
        self.remove_port()
    }

    /// Shuts it down in order and waits until it is off.
    pub fn shutdown(&self) -> Result<()> {
        self.leave("systemctl poweroff")
    }

    /// Reboots it in order and waits until it is up again. Returns the time it took.
    pub fn reboot(&self) -> Result<Duration> {
        let started = Instant::now();
        self.leave("systemctl reboot")?;
        self.power_on()?;
        Ok(started.elapsed())
    }

    fn leave(&self, how: &str) -> Result<()> {
        // The answer may get lost when the node is quick.
        let _ = self.sh(how, COMMAND);
        wait_for(&format!("node {} to be off", self.name), SHUTDOWN, || Ok(equals(self.leader().is_err(), &true)))?;
        self.kill()
    }

    /// Runs a shell command inside, as root. Fails only when it cannot be run
    /// or takes longer than `timeout`.
    pub fn sh(&self, command: &str, timeout: Duration) -> Result<Output> {
        self.sh_with_input(command, b"", timeout)
    }

    /// Like [`Node::sh`], with something on standard input.
    pub fn sh_with_input(&self, command: &str, input: &[u8], timeout: Duration) -> Result<Output> {
        let leader = self.leader()?.to_string();
        run(
            Command::new("nsenter")
                .args(["-t", &leader, "-m", "-u", "-i", "-n", "-p", "-C", "--"])
                .args(["/bin/bash", "-c", command])
                .env_clear()
                .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
                .env("HOME", "/root")
                .env("LANG", "C.UTF-8")
                .envs(self.environment.iter().copied()),
            input,
            timeout,
        )
        .with_context(|| format!("on node {}: {command}", self.name))
    }

    /// Runs a shell command inside that must succeed within 20 s; returns its output.
    pub fn run(&self, command: &str) -> Result<String> {
        self.sh(command, COMMAND)?.success().with_context(|| format!("on node {}: {command}", self.name))
    }

    /// Runs SQL inside as root; returns rows, columns separated by tabs.
    pub fn sql(&self, statements: &str) -> Result<String> {
        self.sh_with_input("mariadb -N -B", statements.as_bytes(), COMMAND)?
            .success()
            .with_context(|| format!("SQL on node {}: {statements}", self.name))
    }

    /// Writes a file inside; `mode` in octal, as chmod wants it.
    pub fn write(&self, path: &str, contents: &[u8], mode: &str) -> Result<()> {
        let command = format!("install -D -m {mode} /dev/stdin '{path}'");
        self.sh_with_input(&command, contents, COMMAND)?
            .success()
            .with_context(|| format!("failed to write {path} on node {}", self.name))
            .map(drop)
    }

    /// Copies a file of the host into the node.
    pub fn push(&self, local: &Path, path: &str, mode: &str) -> Result<()> {
        let contents = fs::read(local).with_context(|| format!("failed to read {}", local.display()))?;
        self.write(path, &contents, mode)
    }

    /// Main process of a unit, as the host sees it.
    pub fn pid_of(&self, unit: &str) -> Result<i32> {
        let inside = self.run(&format!("systemctl show --value -p MainPID '{unit}'"))?;
        self.unit_processes(unit)
            .into_iter()
            .find(|&process| inner_id(process).as_deref() == Some(inside.as_str()))
            .with_context(|| format!("{unit} has no main process on node {}", self.name))
    }

    /// All processes of a unit, as the host sees them. Asks the kernel, not the
    /// node: works while the node is frozen, too.
    pub fn unit_processes(&self, unit: &str) -> Vec<i32> {
        find_group(&self.group(), unit).map(|group| leftovers::processes(&group)).unwrap_or_default()
    }

    /// Journal of all boots since `since` (anything journalctl understands).
    pub fn journal(&self, since: &str) -> Result<String> {
        let options = "--no-pager --output=short-precise --quiet";
        if self.leader().is_ok() {
            let inside = self.sh(&format!("journalctl {options} --since='{since}'"), Duration::from_secs(5));
            if let Ok(output) = inside {
                return Ok(output.stdout);
            }
        }
        // Off, frozen or broken: read it from the disk.
        run(
            Command::new("journalctl")
                .args(options.split(' '))
                .arg(format!("--since={since}"))
                .arg("--directory")
                .arg(self.upper().join("var/log/journal")),
            b"",
            COMMAND,
        )?
        .success()
    }

    fn machine(&self) -> MutexGuard<'_, Option<Machine>> {
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How its port is.
    pub fn port(&self) -> Port {
        *self.port.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes how its port is, now if the node is on, and for every boot to come.
    pub fn set_port(&self, port: Port) -> Result<()> {
        *self.port.lock().unwrap_or_else(PoisonError::into_inner) = port;
        if self.leader().is_ok() {
            self.apply_port()?;
        }
        Ok(())
    }

    fn connect(&self) -> Result<()> {
        let what = format!("the port of node {}", self.name);
        wait_for(&what, Duration::from_secs(10), || {
            self.apply_port()?;
            Ok(Seen::Done(()))
        })
        .map(drop)
    }

    fn apply_port(&self) -> Result<()> {
        let (name, port) = (self.port_name(), self.port());
        if port.bridged {
            self.lab.ip(&["link", "set", &name, "master", "br0"])?;
            let isolated = if port.isolated { "on" } else { "off" };
            let kind = ["type", "bridge_slave", "isolated", isolated];
            self.lab.ip(&[["link", "set", &name].as_slice(), &kind].concat())?;
        } else {
            self.lab.ip(&["link", "set", &name, "nomaster"])?;
        }
        let carrier = if port.carrier { "up" } else { "down" };
        self.lab.ip(&["link", "set", &name, carrier])
    }

    fn remove_port(&self) -> Result<()> {
        // The kernel removes a dead machine's network in the background, and
        // only once the last connection in it has given up on its unanswered
        // packets. The next boot needs the port's name.
        let name = self.port_name();
        let _ = self.lab.ip(&["link", "delete", &name]);
        wait_for("the old port to vanish", Duration::from_secs(10), || {
            Ok(equals(self.lab.ip(&["link", "show", &name]).is_err(), &true))
        })
        .map(drop)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if self.lab.kept() {
            return;
        }
        let result = self.power_off().and_then(|()| leftovers::remove_groups(&self.group()));
        if let Err(error) = result {
            eprintln!("lab: node {}: {error:#}", self.name);
        }
    }
}

/// The child of `parent` that is number 1 in a process namespace of its own.
fn first_process(parent: u32) -> Option<i32> {
    fs::read_to_string(format!("/proc/{parent}/task/{parent}/children"))
        .ok()?
        .split_ascii_whitespace()
        .filter_map(|word| word.parse().ok())
        .find(|&process| inner_id(process).as_deref() == Some("1"))
}

/// A process's number in its innermost namespace.
fn inner_id(process: i32) -> Option<String> {
    fs::read_to_string(format!("/proc/{process}/status"))
        .ok()?
        .lines()
        .find_map(|line| line.strip_prefix("NSpid:"))?
        .split_ascii_whitespace()
        .last()
        .map(str::to_owned)
}

fn find_group(group: &Path, name: &str) -> Option<PathBuf> {
    leftovers::children(group).into_iter().find_map(|child| {
        if child.file_name().is_some_and(|file| file == name) { Some(child) } else { find_group(&child, name) }
    })
}
