//! The Lambda of this endpoint.

use std::process::ExitCode;

use shared::http::lambda;

fn main() -> ExitCode {
    lambda::run(functions::auth::passkey::routes(), lambda::warm_sessions)
}
