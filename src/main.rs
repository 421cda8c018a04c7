//! The `net-pingora` command.
fn main() {}
