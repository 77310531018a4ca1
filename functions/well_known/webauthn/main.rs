//! The Lambda of this endpoint.

use std::process::ExitCode;

use shared::http::lambda;

fn main() -> ExitCode {
    lambda::run_static(functions::well_known::webauthn::routes())
}
