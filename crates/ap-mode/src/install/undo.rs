//! Taking back what install wrote.

use std::fmt::Write;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};
use ap_core::config::Config;
use ap_core::exit::Exit;
use ap_core::mode::Service;
use ap_systemd::{FileChange, Systemd, Units};

use super::place::Places;
use super::render::{PEER, QUEUE, SERVICE};
use crate::failure::Failure;

/// Longest single call; reading all unit files again is the slowest.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest stop of ap-notify, which finishes the step it is at.
const STOP_TIMEOUT: Duration = Duration::from_secs(60);

/// What becomes of a file that install wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It goes.
    Remove,
    /// What was there before comes back.
    Restore,
    /// Somebody edited it: it is theirs, and stays.
    Keep,
}

/// Every file that install wrote, and what becomes of it.
///
/// # Errors
/// A file cannot be read.
pub fn plan(places: &Places) -> Result<Vec<(PathBuf, Fate)>> {
    let mut plan = Vec::new();
    for path in places.copies()? {
        let fate = match (places.is_ours(&path)?, places.original(&path).exists()) {
            (false, _) => Fate::Keep,
            (true, true) => Fate::Restore,
            (true, false) => Fate::Remove,
        };
        plan.push((path, fate));
    }
    Ok(plan)
}

/// The plan for people.
pub fn shown(plan: &[(PathBuf, Fate)], config: &Config) -> String {
    let mut text = format!("stop and disable {SERVICE}, {QUEUE}, {PEER}; unmask what mode m masked\n");
    for (path, fate) in plan {
        let word = match fate {
            Fate::Remove => "remove ",
            Fate::Restore => "restore",
            Fate::Keep => "keep   ",
        };
        let why = if *fate == Fate::Keep { " (edited since it was written)" } else { "" };
        let _ = writeln!(text, "{word} {}{why}", path.display());
    }
    if plan.is_empty() {
        let _ = writeln!(text, "nothing was installed by {}", config.codename);
    }
    text
}

/// Carries it out. Can be run again after a failure.
///
/// # Errors
/// [`Exit::Unavailable`]: systemd does not do it; [`Exit::CannotWrite`].
pub fn carry_out(plan: &[(PathBuf, Fate)], places: &Places, config: &Config) -> Result<()> {
    let systemd = Systemd::new(CALL_TIMEOUT);
    let unavailable = || Failure::new(Exit::Unavailable, "systemd does not do what is needed; nothing was removed");
    for unit in [PEER, QUEUE] {
        systemd.stop(unit, STOP_TIMEOUT).with_context(unavailable)?;
    }
    systemd.stop(SERVICE, STOP_TIMEOUT).with_context(unavailable)?;
    let start = config.start_unit();
    let services = [Service::Database, Service::Api, Service::Keepalived].map(|service| config.unit(service));
    let mut masked = vec![start.as_str()];
    masked.extend(services);
    // While the unit files are still there to be disabled.
    let changes =
        [(FileChange::Unmask, masked.as_slice()), (FileChange::Disable, &[SERVICE, QUEUE, PEER, start.as_str()])];
    systemd.unit_files(&changes).with_context(unavailable)?;
    for (path, fate) in plan {
        match fate {
            Fate::Remove => places.forget(path, true)?,
            Fate::Restore => places.restore(path)?,
            Fate::Keep => places.forget(path, false)?,
        }
    }
    places.forget_all(&config.state_dir().join("installed.toml"))?;
    systemd.unit_files(&[]).context("failed to have systemd read its unit files")?;
    // Gone with the next boot anyway; what is left would only confuse.
    let _ = std::fs::remove_dir_all(config.run_dir());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::install::render::Rendered;
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;

    #[test]
    fn what_was_there_before_comes_back() {
        let root = std::env::temp_dir().join(format!("ap-mode-undo-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&root);
        let places = Places::new(&root, Path::new("/var/lib/ap"));
        let [new, old, edited] = ["/etc/x/new", "/etc/x/old", "/etc/y/edited"].map(PathBuf::from);
        let wanted = [&new, &old, &edited].map(|path| Rendered { path: path.clone(), text: "ours\n".into() });
        std::fs::create_dir_all(places.real(Path::new("/etc/x"))).unwrap();
        std::fs::write(places.real(&old), "theirs\n").unwrap();
        std::fs::set_permissions(places.real(&old), PermissionsExt::from_mode(0o600)).unwrap();
        // Twice over what somebody wrote: the first is the original.
        for text in ["theirs\n", "edited later\n"] {
            std::fs::write(places.real(&old), text).unwrap();
            places.survey(&wanted).unwrap().iter().for_each(|change| places.apply(change).unwrap());
        }
        std::fs::write(places.real(&edited), "mine\n").unwrap();
        let plan = plan(&places).unwrap();
        let fates: Vec<_> = plan.iter().map(|(path, fate)| (path.as_path(), *fate)).collect();
        assert_eq!(fates, [(&*new, Fate::Remove), (&*old, Fate::Restore), (&*edited, Fate::Keep)]);
        for (path, fate) in &plan {
            match fate {
                Fate::Remove => places.forget(path, true).unwrap(),
                Fate::Restore => places.restore(path).unwrap(),
                Fate::Keep => places.forget(path, false).unwrap(),
            }
        }
        assert!(!places.real(&new).exists());
        assert_eq!(std::fs::read_to_string(places.real(&old)).unwrap(), "theirs\n");
        assert_eq!(std::fs::metadata(places.real(&old)).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_to_string(places.real(&edited)).unwrap(), "mine\n");
        assert_eq!(super::plan(&places).unwrap(), []);
        std::fs::remove_dir_all(root).unwrap();
    }
}
