//! `/ready`, `/live` and `/metrics` for everybody; `/routes` for the machine itself.
