//! What `ap-mode install` is made of.

pub mod accounts;
pub mod diff;
pub mod host;
pub mod place;
pub mod render;
pub mod secrets;
pub mod services;
pub mod undo;
pub mod work;
