//! The Lambda of this endpoint.

use std::process::ExitCode;

use shared::http::lambda;

fn main() -> ExitCode {
    lambda::run(functions::oauth2::token::routes(), lambda::warm_sessions)
}
