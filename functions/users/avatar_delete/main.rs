//! The Lambda of this endpoint.

use std::process::ExitCode;

use shared::http::lambda;

fn main() -> ExitCode {
    lambda::run(functions::users::avatar_delete::routes(), lambda::warm_avatars)
}
