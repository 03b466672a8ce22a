//! Putting files in place without ever overwriting what somebody else wrote.
//!
//! A copy of everything written is kept under STATE/installed: a file that
//! differs from its copy was edited.

#[path = "place_back.rs"]
mod back;

use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use ap_core::exit::Exit;

use super::render::Rendered;
use crate::failure::Failure;

/// Nothing here is secret.
const MODE: u32 = 0o644;
const DIR_MODE: u32 = 0o755;

/// What has to be done with one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It is as it should be, and known to be ours.
    Same,
    /// It is as it should be, but there is no copy yet.
    Known,
    /// It is not there.
    Create,
    /// It is as we wrote it, and has to change.
    Update,
    /// It is as we wrote it, and no longer needed.
    Remove,
    /// Somebody edited what we wrote.
    Edited,
    /// Somebody else wrote it.
    Foreign,
}

impl Kind {
    /// Whether somebody else's work would be lost.
    pub fn is_refused(self) -> bool {
        matches!(self, Self::Edited | Self::Foreign)
    }

    /// How a refused file came to be as it is.
    pub fn origin(self) -> &'static str {
        if self == Self::Edited { "edited since it was written" } else { "not written by ap-mode install" }
    }

    /// Whether there is something to show.
    pub fn is_change(self) -> bool {
        !matches!(self, Self::Same | Self::Known)
    }
}

/// One file, as it is and as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Where, as the configuration names it.
    pub path: PathBuf,
    /// What has to be done.
    pub kind: Kind,
    /// As it is.
    pub old: Option<String>,
    /// As it should be.
    pub new: Option<String>,
}

/// Where files go and where their copies are kept.
#[derive(Debug)]
pub struct Places {
    root: PathBuf,
    state: PathBuf,
}

impl Places {
    /// Files go below `root`, `/` on a real host; `state` is the state directory.
    pub fn new(root: &Path, state: &Path) -> Self {
        Self { root: root.to_owned(), state: state.to_owned() }
    }

    /// Where a path of the configuration really is.
    pub fn real(&self, path: &Path) -> PathBuf {
        below(&self.root, path)
    }

    fn copy(&self, path: &Path) -> PathBuf {
        below(&self.real(&self.state.join("installed")), path)
    }

    /// Compares what is with what should be.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn survey(&self, wanted: &[Rendered]) -> Result<Vec<Change>> {
        let mut changes = Vec::new();
        for file in wanted {
            let old = read(&self.real(&file.path))?;
            let copy = read(&self.copy(&file.path))?;
            let kind = match (&old, &copy) {
                (None, _) => Kind::Create,
                (Some(old), Some(copy)) if *old == file.text && old == copy => Kind::Same,
                (Some(old), _) if *old == file.text => Kind::Known,
                (Some(old), Some(copy)) if old == copy => Kind::Update,
                (Some(_), Some(_)) => Kind::Edited,
                (Some(_), None) => Kind::Foreign,
            };
            changes.push(Change { path: file.path.clone(), kind, old, new: Some(file.text.clone()) });
        }
        let mut copies = Vec::new();
        walk(&self.copy(Path::new("/")), Path::new("/"), &mut copies)?;
        for path in copies.into_iter().filter(|path| wanted.iter().all(|file| file.path != *path)) {
            let old = read(&self.real(&path))?;
            let kind = match &old {
                None => Kind::Known,
                Some(text) if read(&self.copy(&path))?.as_ref() == Some(text) => Kind::Remove,
                Some(_) => Kind::Edited,
            };
            changes.push(Change { path, kind, old, new: None });
        }
        Ok(changes)
    }

    /// Carries out one change. What somebody else wrote is kept under
    /// STATE/replaced; call only with what may be lost from its place.
    ///
    /// # Errors
    /// [`Exit::CannotWrite`]; the file is then as it was.
    pub fn apply(&self, change: &Change) -> Result<()> {
        let real = self.real(&change.path);
        if change.kind.is_refused() && change.old.is_some() {
            keep(&real, &below(&self.real(&self.state.join("replaced")), &change.path))?;
            let original = self.original(&change.path);
            if change.kind == Kind::Foreign && !original.exists() {
                keep(&real, &original)?;
            }
        }
        let copy = self.copy(&change.path);
        match &change.new {
            // The copy last: after a crash in between the file is recognised as wanted.
            Some(new) => {
                if change.kind.is_change() {
                    write(&real, new)?;
                }
                if change.kind != Kind::Same {
                    write(&copy, new)?;
                }
            }
            None => {
                remove(&real)?;
                remove(&copy)?;
            }
        }
        Ok(())
    }
}

/// Copies a file with its permissions: what is not ours may hold secrets.
fn keep(from: &Path, to: &Path) -> Result<()> {
    let failed = || Failure::new(Exit::CannotWrite, format!("failed to copy {} to {}", from.display(), to.display()));
    let mode = std::fs::metadata(from).with_context(failed)?.permissions().mode() & 0o7777;
    let bytes = std::fs::read(from).with_context(failed)?;
    ap_host::make_dir(to.parent().unwrap_or(Path::new("/")), DIR_MODE)
        .and_then(|()| ap_host::write_atomically(to, &bytes, mode))
        .with_context(failed)
}

fn below(root: &Path, path: &Path) -> PathBuf {
    root.join(path.strip_prefix("/").unwrap_or(path))
}

fn read(path: &Path) -> Result<Option<String>> {
    match std::fs::read(path) {
        // Not text: certainly not ours, and shown as well as can be.
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(error).with_context(|| format!("failed to read {}", path.display())),
    }
}

fn write(path: &Path, text: &str) -> Result<()> {
    let dir = path.parent().unwrap_or(Path::new("/"));
    ap_host::make_dir(dir, DIR_MODE)
        .and_then(|()| ap_host::write_atomically(path, text.as_bytes(), MODE))
        .with_context(|| Failure::new(Exit::CannotWrite, format!("failed to write {}", path.display())))
}

fn remove(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| Failure::new(Exit::CannotWrite, format!("failed to remove {}", path.display())))
        }
        _ => Ok(()),
    }
}

/// All files below `dir`, named as if `dir` were `name`.
fn walk(dir: &Path, name: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    let entries = match std::fs::read_dir(dir) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        entries => entries.with_context(|| format!("failed to read {}", dir.display()))?,
    };
    for entry in entries {
        let entry = entry.with_context(|| format!("failed to read {}", dir.display()))?;
        let name = name.join(entry.file_name());
        if entry.path().is_dir() {
            walk(&entry.path(), &name, found)?;
        } else {
            found.push(name);
        }
    }
    found.sort();
    Ok(())
}

#[cfg(test)]
#[path = "place_tests.rs"]
mod tests;
