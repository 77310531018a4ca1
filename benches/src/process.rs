//! The process of a Lambda: its CPU time and its memory.

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use nix::{
    time::{ClockId, clock_getcpuclockid},
    unistd::Pid,
};

use crate::{failure::Failure, program::Program};

/// How often, and how long each time, the end of a process under a profiler is waited for.
const WAITS: u32 = 1_000;
const WAIT: Duration = Duration::from_millis(10);

/// A process that is measured. It ends when this is dropped.
pub(crate) struct Process {
    child: Child,
    cpu: ClockId,
    is_profiled: bool,
    /// When it was started.
    pub(crate) started_at: Instant,
}

impl Process {
    /// Starts `program` with no variables but `environment`. Its output is appended to `log`.
    #[expect(clippy::disallowed_methods, reason = "a benchmark measures the machine's own time")]
    pub(crate) fn start(
        program: &Program,
        environment: &[(String, String)],
        log: &Path,
    ) -> Result<Self, Failure> {
        let is_profiled = program.is_profiled;
        let (program, arguments) = program.command.split_first().ok_or("no command")?;
        let log = fs::OpenOptions::new().create(true).append(true).open(log)?;

        let mut command = Command::new(program);
        command.args(arguments).env_clear().envs(environment.iter().cloned());
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);

        let started_at = Instant::now();
        let child = command.spawn().map_err(|error| format!("{program}: {error}"))?;
        let cpu = clock_getcpuclockid(Pid::from_raw(i32::try_from(child.id())?))?;

        Ok(Self { child, cpu, is_profiled, started_at })
    }

    /// The clock that counts the CPU time of all its threads.
    pub(crate) fn cpu(&self) -> CpuClock {
        CpuClock(self.cpu)
    }

    /// Its peak memory (`VmHWM`), in KiB.
    pub(crate) fn peak_memory_kib(&self) -> Result<u64, Failure> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
        Ok(line.trim().trim_end_matches(" kB").parse()?)
    }

    /// The process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Without its Runtime API, it ends by itself, and the profiler writes what it found.
        let mut waits = if self.is_profiled { WAITS } else { 0 };
        while waits > 0 && matches!(self.child.try_wait(), Ok(None)) {
            thread::sleep(WAIT);
            waits -= 1;
        }

        // Both fail if it has ended already, which is just as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A process's CPU time.
#[derive(Clone, Copy)]
pub(crate) struct CpuClock(ClockId);

impl CpuClock {
    /// The CPU time so far, or zero if the process has ended.
    pub(crate) fn now(self) -> Duration {
        self.0.now().map_or(Duration::ZERO, Duration::from)
    }
}
