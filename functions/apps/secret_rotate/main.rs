//! The Lambda of this endpoint.

use std::process::ExitCode;

use shared::http::lambda;

fn main() -> ExitCode {
    lambda::run(functions::apps::secret_rotate::routes(), lambda::warm_hash_keys)
}
