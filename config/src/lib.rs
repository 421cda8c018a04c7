//! What people set: flags, environment and their defaults
