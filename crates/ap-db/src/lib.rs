//! MariaDB over SQL, in words of the pair.
//!
//! No type of the SQL library crosses this crate's interface, and no call takes
//! longer than it was given, whatever the server does.

pub mod credentials;
mod database;
#[cfg(any(test, feature = "fake"))]
pub mod fake;
mod mariadb;
mod session;
mod status;
mod version;

pub use credentials::Credentials;
pub use database::{Database, ServerError};
pub use mariadb::MariaDb;
pub use version::{Release, check_version};
