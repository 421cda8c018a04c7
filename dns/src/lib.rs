//! Magic DNS names.
//!
//! [`names`] reads and writes names that say their address, such as `app.default.10-0-0-5.sslip.io`.

pub mod names;
