//! Errors that know the exit code they end with.

use std::fmt;
use std::io::{ErrorKind, Write};

use ap_core::exit::Exit;

/// An error, or a context of one, that says how the program ends.
#[derive(Debug, Clone)]
pub struct Failure {
    exit: Exit,
    text: String,
}

impl Failure {
    /// Ends with `exit`, saying `text`.
    pub fn new(exit: Exit, text: impl Into<String>) -> Self {
        Self { exit, text: text.into() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Failure {}

/// The exit code of an error: what a [`Failure`] in it says, else what the
/// system's error means, else a bug.
pub fn exit_of(error: &anyhow::Error) -> Exit {
    // A missing permission or a full disk says more than where it was met.
    let system =
        error.chain().find_map(|cause| cause.downcast_ref::<std::io::Error>()).and_then(|error| match error.kind() {
            ErrorKind::PermissionDenied => Some(Exit::NoPermission),
            ErrorKind::StorageFull | ErrorKind::ReadOnlyFilesystem | ErrorKind::QuotaExceeded => {
                Some(Exit::CannotWrite)
            }
            _ => None,
        });
    let configuration = error
        .chain()
        .any(|cause| cause.is::<ap_host::LoadError>() || cause.is::<ap_db::credentials::CredentialsError>());
    system
        .or(configuration.then_some(Exit::Config))
        .or_else(|| error.downcast_ref::<Failure>().map(|failure| failure.exit))
        .unwrap_or(Exit::Software)
}

/// Whether whoever read has gone away, which is no error.
pub fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<std::io::Error>())
        .any(|error| error.kind() == ErrorKind::BrokenPipe)
}

/// Prints the error once and gives its exit code. A reader that went away is no
/// error.
pub fn report(error: &anyhow::Error) -> Exit {
    if is_closed_pipe(error) {
        return Exit::Ok;
    }
    // Nobody is left to tell when standard error is closed too.
    let _ = writeln!(std::io::stderr(), "error: {error:#}");
    exit_of(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::{Context, anyhow};

    #[test]
    fn exit_codes() {
        let io = |kind: ErrorKind| anyhow::Error::from(std::io::Error::from(kind));
        let table = [
            (anyhow!("odd"), Exit::Software),
            (Failure::new(Exit::Config, "x").into(), Exit::Config),
            (anyhow!("x").context(Failure::new(Exit::Deadline, "y")), Exit::Deadline),
            (anyhow::Error::from(Failure::new(Exit::Refused, "x")).context("outer"), Exit::Refused),
            (io(ErrorKind::PermissionDenied).context("outer"), Exit::NoPermission),
            (io(ErrorKind::StorageFull).context(Failure::new(Exit::Unavailable, "y")), Exit::CannotWrite),
        ];
        for (error, expected) in table {
            assert_eq!(exit_of(&error), expected, "{error:#}");
        }
        let both: anyhow::Result<()> = Err(io(ErrorKind::NotFound)).context("outer");
        assert_eq!(exit_of(&both.unwrap_err()), Exit::Software);
    }
}
