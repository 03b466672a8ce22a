//! Results on disk, one file for each case, written after each round.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::faults::Fault;
use super::round::Round;
use crate::command::host;
use crate::lab::Lab;
use crate::machine;

/// Where the results of one section are.
pub struct Store {
    directory: PathBuf,
    section: &'static str,
}

/// What was measured of one case.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Case<R> {
    /// What was measured: figures of another build are not added to.
    pub build: String,
    /// On what.
    pub machine: String,
    /// Round by round.
    pub rounds: Vec<R>,
    /// Rounds that could not be finished, and why.
    #[serde(default)]
    pub errors: Vec<String>,
}

impl<R> Case<R> {
    /// One figure of each round.
    pub fn figures(&self, figure: impl Fn(&R) -> f64) -> Vec<f64> {
        self.rounds.iter().map(figure).collect()
    }
}

impl Store {
    /// The results of a section below `results`.
    pub fn new(results: &Path, section: &'static str) -> Result<Self> {
        let directory = results.join(section);
        fs::create_dir_all(&directory).with_context(|| format!("failed to make {}", directory.display()))?;
        Ok(Self { directory, section })
    }

    fn file(&self, case: &str) -> PathBuf {
        self.directory.join(format!("{case}.json"))
    }

    /// What is kept of a case, of whatever build.
    pub fn kept<R: DeserializeOwned>(&self, case: &str) -> Result<Option<Case<R>>> {
        let path = self.file(case);
        let Ok(text) = fs::read_to_string(&path) else { return Ok(None) };
        let case = serde_json::from_str(&text)
            .with_context(|| format!("{} is of another version of the bench: --again", path.display()))?;
        Ok(Some(case))
    }

    /// What is kept of these faults.
    pub fn all(&self, faults: &[Fault]) -> Result<Vec<(Fault, Case<Round>)>> {
        let kept = faults.iter().map(|fault| Ok((*fault, self.kept(fault.name)?)));
        let kept = kept.collect::<Result<Vec<(Fault, Option<_>)>>>()?;
        Ok(kept.into_iter().filter_map(|(fault, case)| Some((fault, case?))).collect())
    }

    /// What is kept of a case of this build, or an empty one.
    pub fn resume<R: DeserializeOwned>(&self, case: &str, lab: &Lab, build: &str, again: bool) -> Result<Case<R>> {
        if !again
            && let Some(kept) = self.kept(case)?
            && kept.build == build
        {
            // What failed is tried again.
            return Ok(Case { errors: Vec::new(), ..kept });
        }
        let machine = machine::describe(lab.base());
        Ok(Case { build: build.to_owned(), machine, rounds: Vec::new(), errors: Vec::new() })
    }

    /// Keeps a case.
    pub fn keep<R: Serialize>(&self, name: &str, case: &Case<R>) -> Result<()> {
        self.write(&format!("{name}.json"), &serde_json::to_string(case)?)
    }

    /// Writes a file beside the results.
    pub fn write(&self, name: &str, text: &str) -> Result<()> {
        let path = self.directory.join(name);
        let new = path.with_extension("new");
        fs::write(&new, text)
            .and_then(|()| fs::rename(&new, &path))
            .with_context(|| format!("failed to write {}", path.display()))
    }

    /// Where a file beside the results is.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Name of the section.
    pub fn section(&self) -> &'static str {
        self.section
    }
}

/// Names the packages under test by their contents.
pub fn build(lab: &Lab) -> Result<String> {
    let mut names = Vec::new();
    for deb in lab.debs()? {
        let sum = host("sha256sum", &[&deb.to_string_lossy()])?;
        let name = deb.file_name().unwrap_or_default().to_string_lossy().into_owned();
        names.push(format!("{name} {}", sum.get(..12).unwrap_or_default()));
    }
    Ok(names.join(", "))
}
