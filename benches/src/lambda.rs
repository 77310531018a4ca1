//! A running Lambda: a process, and the Runtime API that it asks for events.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use crate::{
    calls::{Call, CallLog, time_of},
    cpu_share::CpuShare,
    event::{HttpAnswer, HttpRequest},
    failure::Failure,
    process::Process,
    program::Program,
    runtime_api::{Mark, RuntimeApi},
};

/// Where Lambdas run.
#[derive(Clone)]
pub(crate) struct Surroundings {
    /// The variables that lead to AWS.
    pub(crate) environment: Vec<(String, String)>,
    /// The calls to AWS.
    pub(crate) calls: CallLog,
    /// The file to which their output is appended.
    pub(crate) log: PathBuf,
}

/// A Lambda that waits for events.
pub(crate) struct Lambda {
    // It ends before the process: under a profiler, that makes the process end by itself.
    api: RuntimeApi,
    pub(crate) process: Process,
    calls: CallLog,
    name: String,
    /// Its last poll.
    polled: Mark,
}

/// The time and resources that a Lambda used until its first poll, or for an event.
pub(crate) struct Used {
    pub(crate) wall: Duration,
    pub(crate) cpu: Duration,
    pub(crate) calls: Vec<Call>,
    /// The connections to AWS that were opened meanwhile.
    pub(crate) connections: u32,
}

impl Used {
    /// The wall time without the time that AWS took.
    pub(crate) fn own_wall(&self) -> Duration {
        self.wall.saturating_sub(time_of(&self.calls))
    }
}

impl Lambda {
    /// Starts a Lambda and waits for its first poll.
    pub(crate) async fn start(
        program: &Program,
        around: &Surroundings,
    ) -> Result<(Self, Used), Failure> {
        let api = RuntimeApi::start().await?;
        let own = [
            ("AWS_LAMBDA_RUNTIME_API", api.address.as_str()),
            ("AWS_LAMBDA_FUNCTION_NAME", &program.name),
            ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
            ("AWS_LAMBDA_LOG_GROUP_NAME", "/latchkey/bench"),
            ("AWS_LAMBDA_LOG_STREAM_NAME", "2027/01/12/[1]0123456789abcdef"),
        ];
        let own = own.map(|(name, value)| (name.to_owned(), value.to_owned()));

        let environment = [own.as_slice(), &around.environment, &program.environment].concat();
        // Calls that other Lambdas made are not counted for this one.
        around.calls.take();
        let process = Process::start(program, &environment, &around.log)?;
        api.measure(process.cpu());

        let started_at = process.started_at;
        let polled = Mark { at: started_at, cpu: Duration::ZERO };
        let mut lambda =
            Self { process, api, calls: around.calls.clone(), name: program.name.clone(), polled };
        lambda.polled = lambda.api.polled().await.map_err(|error| lambda.problem(&error))?;

        let used = lambda.used(started_at, polled.cpu, lambda.polled);
        Ok((lambda, used))
    }

    /// Holds it to a share of a core from now on.
    pub(crate) fn hold(&self, share: &CpuShare) -> Result<(), Failure> {
        share.hold(&self.process)
    }

    /// Sends it a request. A status other than 2xx is an error.
    pub(crate) async fn invoke(
        &mut self,
        request: &HttpRequest,
    ) -> Result<(HttpAnswer, Used), Failure> {
        let request_id = self.api.next_request_id();
        let event = request.event(&request_id);
        let (body, used) = self.handle(request_id, event).await?;

        let answer = HttpAnswer::parse(&body)?;
        if !answer.is_success() {
            let refusal = format!(
                "{} {}: {} {}",
                request.method,
                request.path,
                answer.status_code,
                answer.json()
            );
            return Err(self.problem(&refusal.into()));
        }

        Ok((answer, used))
    }

    /// Hands it any event. CPU time is counted until the next poll, since a Lambda may still have
    /// work to do after it has returned.
    #[expect(clippy::disallowed_methods, reason = "a benchmark measures the machine's own time")]
    pub(crate) async fn handle(
        &mut self,
        request_id: String,
        event: String,
    ) -> Result<(Vec<u8>, Used), Failure> {
        let before = self.polled;
        let handed_out_at = Instant::now();

        let answer = self.api.answer(request_id, event).await;
        let (answered, body) = answer.map_err(|error| self.problem(&error))?;

        self.polled = self.api.polled().await.map_err(|error| self.problem(&error))?;
        let end = Mark { at: answered.at, cpu: self.polled.cpu };
        Ok((body.to_vec(), self.used(handed_out_at, before.cpu, end)))
    }

    fn used(&self, from: Instant, cpu_before: Duration, until: Mark) -> Used {
        let (calls, connections) = self.calls.take();
        let wall = until.at.saturating_duration_since(from);
        Used { wall, cpu: until.cpu.saturating_sub(cpu_before), calls, connections }
    }

    /// An error with the Lambda's name.
    fn problem(&self, error: &Failure) -> Failure {
        format!("{}: {error}", self.name).into()
    }
}
