//! Where objects come from.

pub mod directory;
