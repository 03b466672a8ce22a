//! Man pages and shell completions, generated from clap, and ap.toml(5) from the
//! commented example. They are checked in under `docs/man` and `docs/completions`
//! and shipped in the package; a test of each program compares. None of this is
//! linked into a program.

mod toml;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Command;
use clap_complete::{Shell, generate};
use clap_mangen::Man;

/// With this in the environment the files are written instead of compared.
const WRITE: &str = "AP_DOCS_WRITE";

/// Compares everything there is about a program with what is checked in.
///
/// # Errors
/// Names the files that are out of date and the command that writes them.
pub fn up_to_date(command: &Command) -> Result<()> {
    let mut files = completions(command)?;
    pages(command, None, &mut files)?;
    compare(&files)
}

/// The same for ap.toml(5).
///
/// # Errors
/// As [`up_to_date`].
pub fn toml_up_to_date() -> Result<()> {
    let example = include_str!("../../../ap.toml.example");
    compare(&[(docs("man/ap.toml.5"), toml::page(example).into_bytes())])
}

fn docs(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name)
}

type File = (PathBuf, Vec<u8>);

fn completions(command: &Command) -> Result<Vec<File>> {
    let name = command.get_name();
    let shells = [
        (Shell::Bash, format!("{name}.bash")),
        (Shell::Zsh, format!("_{name}")),
        (Shell::Fish, format!("{name}.fish")),
    ];
    let file = |(shell, file): (Shell, String)| {
        let mut text = Vec::new();
        generate(shell, &mut command.clone(), name, &mut text);
        Ok((docs("completions").join(file), text))
    };
    shells.into_iter().map(file).collect()
}

/// One page for the program and one for each of its subcommands, as git has them.
fn pages(command: &Command, parent: Option<&str>, files: &mut Vec<File>) -> Result<()> {
    let name = match parent {
        Some(parent) => format!("{parent}-{}", command.get_name()),
        None => command.get_name().to_owned(),
    };
    let mut whole = command.clone().name(name.clone()).disable_help_subcommand(true);
    if let Some(parent) = parent {
        // "ap-mode set", not "ap-mode-set", is what is typed.
        whole = whole.bin_name(format!("{parent} {}", command.get_name())).version(env!("CARGO_PKG_VERSION"));
    }
    let mut text = Vec::new();
    Man::new(whole).section("1").render(&mut text).with_context(|| format!("failed to render {name}(1)"))?;
    files.push((docs("man").join(format!("{name}.1")), text));
    // keepalived's own form looks like a subcommand to clap; nobody types it.
    let typed =
        |sub: &&Command| !sub.is_hide_set() && sub.get_name() != "help" && parent.is_none() && name == "ap-mode";
    for sub in command.get_subcommands().filter(typed) {
        pages(sub, Some(&name), files)?;
    }
    Ok(())
}

fn compare(files: &[File]) -> Result<()> {
    let write = std::env::var_os(WRITE).is_some();
    let mut stale = Vec::new();
    for (path, text) in files {
        if fs::read(path).is_ok_and(|old| old == *text) {
            continue;
        }
        if write {
            fs::create_dir_all(path.parent().unwrap_or(path))?;
            fs::write(path, text).with_context(|| format!("failed to write {}", path.display()))?;
        } else {
            stale.push(path.file_name().unwrap_or_default().to_string_lossy().into_owned());
        }
    }
    if !stale.is_empty() {
        bail!("out of date below docs/: {}; type: {WRITE}=1 cargo test --workspace up_to_date", stale.join(", "));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_page_of_the_configuration_is_up_to_date() {
        super::toml_up_to_date().unwrap();
    }
}
