//! The services that sign people in: Latchkey, and the peers beside it.

use std::path::Path;

use crate::{failure::Failure, program::Program};

/// The HTTP API of a service.
#[derive(Clone, Copy)]
pub(crate) enum Dialect {
    Latchkey,
    /// The same, by people who have signed in on their device before.
    LatchkeyKnownDevice,
    BetterAuth,
}

/// A service: the functions for send, verify, me and refresh, or one function for all.
pub(crate) struct Service {
    pub(crate) name: &'static str,
    pub(crate) programs: Vec<Program>,
    pub(crate) dialect: Dialect,
}

impl Service {
    /// Latchkey, also as it was built `beside`, and the peers that are set up in `peers`. A peer's
    /// signing key is kept in `out`.
    pub(crate) fn all(
        binaries: &Path,
        beside: Option<&Path>,
        peers: &Path,
        out: &Path,
    ) -> Result<Vec<Self>, Failure> {
        let known = Dialect::LatchkeyKnownDevice;
        let mut all = vec![
            Self::latchkey("Latchkey", binaries, Dialect::Latchkey),
            Self::latchkey("Latchkey (known device)", binaries, known),
        ];
        if let Some(beside) = beside {
            all.push(Self::latchkey("Latchkey (beside)", beside, Dialect::Latchkey));
            all.push(Self::latchkey("Latchkey (known device, beside)", beside, known));
        }

        all.extend(Self::fastapi(peers, out)?);
        all.extend(Self::better_auth(peers)?);
        Ok(all)
    }

    fn latchkey(name: &'static str, binaries: &Path, dialect: Dialect) -> Self {
        let names = ["otp-send", "otp-verify", "me-get", "auth-refresh"];
        let programs = names.map(|name| Program::binary(binaries, name, 256)).to_vec();
        Self { name, programs, dialect }
    }

    /// `None` if it is not set up.
    fn fastapi(peers: &Path, out: &Path) -> Result<Option<Self>, Failure> {
        let python = peers.join("fastapi/bin/python");
        if !python.exists() {
            return Ok(None);
        }

        let here = Path::new("benches/peers/fastapi");
        let key = out.canonicalize()?.join("fastapi.pem");
        let command =
            [&*python, Path::new("-m"), Path::new("awslambdaric"), Path::new("app.handler")];
        let environment =
            [("PYTHONPATH", here), ("LAMBDA_TASK_ROOT", here), ("SIGNING_KEY_FILE", &*key)];
        let mut program = peer("fastapi", &command, &environment)?;
        program.environment.push(("AWS_DEFAULT_REGION".to_owned(), "eu-central-1".to_owned()));

        Ok(Some(Self { name: "FastAPI", programs: vec![program], dialect: Dialect::Latchkey }))
    }

    /// `None` if it is not set up.
    fn better_auth(peers: &Path) -> Result<Option<Self>, Failure> {
        let script = peers.join("better-auth/index.mjs");
        if !script.exists() {
            return Ok(None);
        }

        let mut program =
            peer("better-auth", &[Path::new("/usr/bin/env"), Path::new("node"), &script], &[])?;
        program.environment.push(("PATH".to_owned(), path_variable()));

        Ok(Some(Self {
            name: "Better Auth",
            programs: vec![program],
            dialect: Dialect::BetterAuth,
        }))
    }
}

/// A peer's program. Its arguments and variables are made absolute if they are paths that exist.
fn peer(name: &str, command: &[&Path], environment: &[(&str, &Path)]) -> Result<Program, Failure> {
    let absolute =
        |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned()).display().to_string();
    let [program, arguments @ ..] = command else { return Err("no command".into()) };

    // Python finds its virtual environment by the path of its command, so links are not resolved.
    let program = std::env::current_dir()?.join(program).display().to_string();

    Ok(Program {
        name: name.to_owned(),
        command: [program].into_iter().chain(arguments.iter().map(|path| absolute(path))).collect(),
        environment: environment
            .iter()
            .map(|(name, path)| ((*name).to_owned(), absolute(path)))
            .collect(),
        is_profiled: false,
    })
}

/// Where Node.js is found.
#[expect(
    clippy::disallowed_methods,
    reason = "the peers' interpreter is wherever the person has it"
)]
fn path_variable() -> String {
    std::env::var("PATH").unwrap_or_default()
}
