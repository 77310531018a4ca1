//! Measures whole sign-ins at each service, in turn: send, verify, me, refresh.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    event::{HttpAnswer, HttpRequest},
    failure::Failure,
    figures::FlowFigures,
    lambda::{Lambda, Surroundings, Used},
    people::People,
    samples::{Amount, Summary, kib, ms},
    service::{Dialect, Service},
    sign_in::{Device, Tokens, field, phone, send_from_device, send_request, verify_request},
};

/// The processes of one service, and the time that they used since it was last taken.
struct Running<'a> {
    lambdas: Vec<Lambda>,
    dialect: Dialect,
    people: &'a mut People,
    /// The devices of the next people, unless theirs are unknown.
    devices: Vec<Device>,
    wall: Duration,
    cpu: Duration,
}

impl Running<'_> {
    fn used(&mut self, used: &Used) {
        self.wall += used.wall;
        self.cpu += used.cpu;
    }

    /// Sends the request of step number `index` to its function, or to the only one.
    async fn step(&mut self, index: usize, request: &HttpRequest) -> Result<Value, Failure> {
        let index = index.min(self.lambdas.len().saturating_sub(1));
        let lambda = self.lambdas.get_mut(index).ok_or("no function")?;

        let (answer, used): (HttpAnswer, Used) = lambda.invoke(request).await?;
        self.used(&used);
        Ok(answer.json())
    }

    /// One person's flow.
    async fn flow(&mut self) -> Result<(), Failure> {
        // A few people sign in at the peers again and again, so that they need no sign-up there.
        let index =
            if self.lambdas.len() == 1 { self.people.next() % 20 } else { self.people.next() };
        match self.dialect {
            Dialect::Latchkey => self.latchkey(index, &send_request(index)).await,
            Dialect::LatchkeyKnownDevice => {
                let device = self.devices.pop().ok_or("no device left")?;
                self.latchkey(device.person, &send_from_device(&device)).await
            }
            Dialect::BetterAuth => self.better_auth(index).await,
        }
    }

    async fn latchkey(&mut self, index: u32, send: &HttpRequest) -> Result<(), Failure> {
        let challenge = self.step(0, send).await?;
        let challenge = self.people.challenge_of(index, &challenge).await?;
        let tokens = Tokens::of(&self.step(1, &verify_request(&challenge)).await?)?;

        self.step(2, &HttpRequest::get("/v1/me").with_bearer(&tokens.access)).await?;

        let body = json!({"refresh_token": tokens.refresh});
        self.step(3, &HttpRequest::post("/v1/auth/refresh", body)).await?;
        Ok(())
    }

    /// Better Auth has no tokens to refresh: its session is looked at twice.
    async fn better_auth(&mut self, index: u32) -> Result<(), Failure> {
        let phone = phone(index);
        let body = json!({"phoneNumber": phone});
        self.step(0, &HttpRequest::post("/api/auth/phone-number/send-otp", body)).await?;

        let body = json!({"phoneNumber": phone, "code": self.people.code(&phone).await?});
        let session =
            self.step(1, &HttpRequest::post("/api/auth/phone-number/verify", body)).await?;
        let token = field(&session, "token")?;

        let look = HttpRequest::get("/api/auth/get-session").with_bearer(&token);
        field(self.step(2, &look).await?.get("user").ok_or("nobody is signed in")?, "id")?;

        self.step(3, &look).await?;
        Ok(())
    }
}

/// The samples of one service.
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

/// Takes the samples of one process of each function.
async fn sample(
    service: &Service,
    warm: usize,
    around: &Surroundings,
    people: &mut People,
    samples: &mut Samples,
) -> Result<(), Failure> {
    let devices = match service.dialect {
        Dialect::LatchkeyKnownDevice => people.devices(warm + 1).await?,
        Dialect::Latchkey | Dialect::BetterAuth => Vec::new(),
    };
    let mut running = Running {
        lambdas: Vec::new(),
        dialect: service.dialect,
        people,
        devices,
        wall: Duration::ZERO,
        cpu: Duration::ZERO,
    };

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
