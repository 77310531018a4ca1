//! A whole sign-in, as its client sees it: code, proof, who am I, new tokens. Latchkey's Lambdas, and services that do
//! the same in one function.

use std::{path::Path, time::Duration};

use serde_json::{Value, json};

use crate::{
    event::{HttpAnswer, HttpRequest},
    failure::Failure,
    figures::FlowFigures,
    lambda::{Lambda, Surroundings, Used},
    people::People,
    program::Program,
    samples::{Amount, Summary, kib, ms},
    sign_in::{self, send_request},
};

/// How a service is spoken to.
#[derive(Clone, Copy, PartialEq)]
enum Dialect {
    Latchkey,
    BetterAuth,
}

/// A service: the functions that send, verify, tell and refresh, or one that does it all.
pub(crate) struct Service {
    name: &'static str,
    programs: Vec<Program>,
    dialect: Dialect,
}

impl Service {
    /// Latchkey, and the peers that are set up in `peers`.
    pub(crate) fn all(binaries: &Path, peers: &Path, out: &Path) -> Result<Vec<Self>, Failure> {
        let names = ["otp-send", "otp-verify", "me-get", "auth-refresh"];
        let programs = names.map(|name| Program::binary(binaries, name, 256)).to_vec();
        let mut all = vec![Self { name: "Latchkey", programs, dialect: Dialect::Latchkey }];
        let peer = |name: &str, command: &[&Path], environment: &[(&str, &Path)]| -> Result<Program, Failure> {
            let whole = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned()).display().to_string();
            let [program, arguments @ ..] = command else { return Err("no command".into()) };
            // A virtual environment is found by the way to its interpreter, links and all.
            let program = std::env::current_dir()?.join(program).display().to_string();
            Ok(Program {
                name: name.to_owned(),
                command: [program].into_iter().chain(arguments.iter().map(|path| whole(path))).collect(),
                environment: environment.iter().map(|(name, path)| ((*name).to_owned(), whole(path))).collect(),
            })
        };
        let python = peers.join("fastapi/bin/python");
        if python.exists() {
            let here = Path::new("benches/peers/fastapi");
            let key = out.canonicalize()?.join("fastapi.pem");
            let command = [&*python, Path::new("-m"), Path::new("awslambdaric"), Path::new("app.handler")];
            let environment = [("PYTHONPATH", here), ("LAMBDA_TASK_ROOT", here), ("SIGNING_KEY_FILE", &*key)];
            let mut program = peer("fastapi", &command, &environment)?;
            program.environment.push(("AWS_DEFAULT_REGION".to_owned(), "eu-central-1".to_owned()));
            all.push(Self { name: "FastAPI", programs: vec![program], dialect: Dialect::Latchkey });
        }
        let script = peers.join("better-auth/index.mjs");
        if script.exists() {
            let mut program = peer("better-auth", &[Path::new("/usr/bin/env"), Path::new("node"), &script], &[])?;
            program.environment.push(("PATH".to_owned(), path_variable()));
            all.push(Self { name: "Better Auth", programs: vec![program], dialect: Dialect::BetterAuth });
        }
        Ok(all)
    }
}

/// Where Node.js is found.
#[expect(clippy::disallowed_methods, reason = "the peers' interpreter is wherever the person has it")]
fn path_variable() -> String {
    std::env::var("PATH").unwrap_or_default()
}

/// The services' processes, and the time that they used.
struct Running<'a> {
    lambdas: Vec<Lambda>,
    dialect: Dialect,
    people: &'a mut People,
    wall: Duration,
    cpu: Duration,
}

impl Running<'_> {
    fn used(&mut self, used: &Used) {
        self.wall += used.wall;
        self.cpu += used.cpu;
    }

    async fn step(&mut self, index: usize, request: &HttpRequest) -> Result<Value, Failure> {
        let index = index.min(self.lambdas.len().saturating_sub(1));
        let lambda = self.lambdas.get_mut(index).ok_or("no function")?;
        let (answer, used): (HttpAnswer, Used) = lambda.invoke(request).await?;
        self.used(&used);
        Ok(answer.json())
    }

    /// One person's flow.
    async fn flow(&mut self) -> Result<(), Failure> {
        // A few people sign in at the peers again and again, so that they need no sign-up there either.
        let index = if self.lambdas.len() == 1 { self.people.next() % 20 } else { self.people.next() };
        let phone = sign_in::phone(index);
        if self.dialect == Dialect::BetterAuth {
            let body = json!({"phoneNumber": phone});
            self.step(0, &HttpRequest::post("/api/auth/phone-number/send-otp", body)).await?;
            let body = json!({"phoneNumber": phone, "code": self.people.code(&phone).await?});
            let session = self.step(1, &HttpRequest::post("/api/auth/phone-number/verify", body)).await?;
            let token = sign_in::field(&session, "token")?;
            let look = HttpRequest::get("/api/auth/get-session").with_bearer(&token);
            sign_in::field(self.step(2, &look).await?.get("user").ok_or("nobody is signed in")?, "id")?;
            self.step(3, &look).await?;
            return Ok(());
        }
        let challenge = self.step(0, &send_request(index)).await?;
        let challenge = self.people.challenge_of(index, &challenge).await?;
        let tokens = sign_in::Tokens::of(&self.step(1, &sign_in::verify_request(&challenge)).await?)?;
        self.step(2, &HttpRequest::get("/v1/me").with_bearer(&tokens.access)).await?;
        let body = json!({"refresh_token": tokens.refresh});
        self.step(3, &HttpRequest::post("/v1/auth/refresh", body)).await?;
        Ok(())
    }
}

#[derive(Default)]
struct Samples {
    cold_wall: Vec<f64>,
    cold_cpu: Vec<f64>,
    warm_wall: Vec<f64>,
    warm_cpu: Vec<f64>,
    memory: Vec<f64>,
}

/// Has each service sign people in, in turn.
pub(crate) async fn measure(
    services: &[Service],
    amount: Amount,
    around: &Surroundings,
    people: &mut People,
) -> Result<Vec<FlowFigures>, Failure> {
    let mut samples: Vec<Samples> = services.iter().map(|_| Samples::default()).collect();
    for round in 0..amount.rounds {
        eprint!("\rround {} of {} ", round + 1, amount.rounds);
        for (service, samples) in services.iter().zip(&mut samples) {
            sample(service, amount.warm, around, people, samples).await?;
        }
    }
    eprintln!();
    let figures = services.iter().zip(samples).map(|(service, samples)| FlowFigures {
        name: service.name,
        cold_wall: Summary::of(samples.cold_wall),
        cold_cpu: Summary::of(samples.cold_cpu),
        warm_wall: Summary::of(samples.warm_wall),
        warm_cpu: Summary::of(samples.warm_cpu),
        peak_memory_kib: Summary::of(samples.memory),
    });
    Ok(figures.collect())
}

async fn sample(
    service: &Service,
    warm: usize,
    around: &Surroundings,
    people: &mut People,
    samples: &mut Samples,
) -> Result<(), Failure> {
    let (wall, cpu) = (Duration::ZERO, Duration::ZERO);
    let mut running = Running { lambdas: Vec::new(), dialect: service.dialect, people, wall, cpu };
    for program in &service.programs {
        let (lambda, used) = Lambda::start(program, around).await?;
        running.lambdas.push(lambda);
        running.used(&used);
    }
    for index in 0..=warm {
        running.flow().await?;
        let (wall, cpu) = (std::mem::take(&mut running.wall), std::mem::take(&mut running.cpu));
        let (walls, cpus) = match index {
            0 => (&mut samples.cold_wall, &mut samples.cold_cpu),
            _ => (&mut samples.warm_wall, &mut samples.warm_cpu),
        };
        walls.push(ms(wall));
        cpus.push(ms(cpu));
    }
    let memory = running.lambdas.iter().map(|lambda| lambda.process.peak_memory_kib());
    let memory = memory.collect::<Result<Vec<_>, _>>()?;
    samples.memory.push(kib(memory.into_iter().max().unwrap_or_default()));
    Ok(())
}
