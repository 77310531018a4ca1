//! The Lambda of this endpoint.

use std::process::ExitCode;

use shared::http::lambda;

fn main() -> ExitCode {
    lambda::run(functions::reports::confirm::routes(), lambda::warm_hash_keys)
}
