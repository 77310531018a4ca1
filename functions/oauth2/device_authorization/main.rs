//! The Lambda of this endpoint.

use std::process::ExitCode;

use shared::http::lambda;

fn main() -> ExitCode {
    lambda::run(functions::oauth2::device_authorization::routes(), lambda::warm_hash_keys)
}
