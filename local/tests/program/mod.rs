//! The program that `cargo run` starts, on a free port, with its data in memory.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
};

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
        let mut child = Command::new(env!("CARGO_BIN_EXE_local"))
            .args(["--in-memory", "--port", "0"])
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
