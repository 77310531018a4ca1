//! The program that `cargo run` starts, on a free port, with its data in memory unless a test keeps
//! them.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    time::Duration,
};

use reqwest::{RequestBuilder, Response, StatusCode, header};

/// How often a request is sent again that took too long.
const RETRIES: usize = 2;

/// Sends a request. On a busy machine it may take longer than a request may, so it is sent again
/// after a 503, when the response says.
#[allow(dead_code, reason = "only tests with many clients at the same time keep a machine busy")]
pub(crate) async fn send(request: RequestBuilder) -> Response {
    for _ in 0..RETRIES {
        let answer = request.try_clone().unwrap().send().await.unwrap();
        let wait = answer.headers().get(header::RETRY_AFTER);
        let wait = wait.and_then(|wait| wait.to_str().ok()?.parse().ok());
        match wait {
            Some(wait) if answer.status() == StatusCode::SERVICE_UNAVAILABLE => {
                tokio::time::sleep(Duration::from_secs(wait)).await;
            }
            _ => return answer,
        }
    }
    request.send().await.unwrap()
}

/// A running program, which ends when this is dropped.
pub(crate) struct Program {
    /// The URL of the API.
    pub(crate) url: String,
    child: Child,
}

impl Drop for Program {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Program {
    /// Starts the program with no variables but `settings`.
    pub(crate) fn start(arguments: &[&str], settings: &[(&str, &str)]) -> Self {
        Self::start_with(&[&["--in-memory"], arguments].concat(), settings)
    }

    /// As [`Self::start`], with the data where the `arguments` say.
    pub(crate) fn start_with(arguments: &[&str], settings: &[(&str, &str)]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_local"))
            .args(["--port", "0"])
            .args(arguments)
            .env_clear()
            .env("RUST_LOG", "error")
            .envs(settings.iter().copied())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();

        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let url = lines
            .find_map(|line| line.trim().strip_prefix("API").map(|url| url.trim().to_owned()))
            .unwrap();
        // The program prints texts. Keep reading, so that its output does not block.
        std::thread::spawn(move || lines.for_each(drop));
        Self { url, child }
    }

    /// The number of its process.
    #[allow(dead_code, reason = "only the load test measures the process")]
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }
}
