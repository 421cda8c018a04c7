//! What crosses crates: wire tests over real sockets
