//! The way back: what install wrote is forgotten, what was there before returns.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::{Places, below, keep, read, remove, walk};

impl Places {
    /// What was there before the first install, if there was anything.
    pub fn original(&self, path: &Path) -> PathBuf {
        below(&self.real(&self.state.join("original")), path)
    }

    /// Everything that install wrote.
    ///
    /// # Errors
    /// A directory cannot be read.
    pub fn copies(&self) -> Result<Vec<PathBuf>> {
        let mut copies = Vec::new();
        walk(&self.copy(Path::new("/")), Path::new("/"), &mut copies)?;
        Ok(copies)
    }

    /// Whether a file is as install wrote it, or gone.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn is_ours(&self, path: &Path) -> Result<bool> {
        let real = read(&self.real(path))?;
        Ok(real.is_none() || real == read(&self.copy(path))?)
    }

    /// Forgets a file, and with `remove` removes it; empty directories go too.
    ///
    /// # Errors
    /// [`Exit::CannotWrite`].
    pub fn forget(&self, path: &Path, remove: bool) -> Result<()> {
        let (real, copy) = (self.real(path), self.copy(path));
        if remove {
            self::remove(&real)?;
            // A drop-in's directory, made for it; one with more in it stays.
            if real.parent().is_some_and(|dir| dir.extension().is_some_and(|end| end == "d")) {
                let _ = real.parent().map(std::fs::remove_dir);
            }
        }
        self::remove(&copy)?;
        let state = self.real(&self.state);
        for dir in copy.ancestors().skip(1).take_while(|dir| **dir != state) {
            if std::fs::remove_dir(dir).is_err() {
                break;
            }
        }
        Ok(())
    }

    /// Removes a file of the state directory.
    ///
    /// # Errors
    /// [`Exit::CannotWrite`].
    pub fn forget_all(&self, path: &Path) -> Result<()> {
        remove(&self.real(path))
    }

    /// Puts back what was there before the first install.
    ///
    /// # Errors
    /// [`Exit::CannotWrite`]; run again, it goes on where it stopped.
    pub fn restore(&self, path: &Path) -> Result<()> {
        let original = self.original(path);
        keep(&original, &self.real(path))?;
        remove(&original)?;
        self.forget(path, false)
    }
}
