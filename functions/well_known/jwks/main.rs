//! The Lambda of this endpoint.

use std::process::ExitCode;

use shared::http::lambda;

fn main() -> ExitCode {
    lambda::run(functions::well_known::jwks::routes(), lambda::warm_store)
}
