//! A Lambda's process: its clock, its memory, its share of a core.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use nix::{
    time::{ClockId, clock_getcpuclockid},
    unistd::Pid,
};

use crate::failure::Failure;

/// The period after which Lambda gives a function its share of a core again.
const PERIOD_US: u64 = 20_000;

/// A process that is measured. It ends when this is dropped.
pub(crate) struct Process {
    child: Child,
    cpu: ClockId,
    /// When it was started.
    pub(crate) started_at: Instant,
}

impl Process {
    /// Starts `command` with nothing but `environment`. What it prints goes to the end of the file `log`.
    #[expect(clippy::disallowed_methods, reason = "a benchmark measures the machine's own time")]
    pub(crate) fn start(command: &[String], environment: &[(String, String)], log: &Path) -> Result<Self, Failure> {
        let (program, arguments) = command.split_first().ok_or("no command")?;
        let log = fs::OpenOptions::new().create(true).append(true).open(log)?;
        let mut command = Command::new(program);
        command.args(arguments).env_clear().envs(environment.iter().cloned());
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let started_at = Instant::now();
        let child = command.spawn().map_err(|error| format!("{program}: {error}"))?;
        let cpu = clock_getcpuclockid(Pid::from_raw(i32::try_from(child.id())?))?;
        Ok(Self { child, cpu, started_at })
    }

    /// The clock of the CPU time of all its threads.
    pub(crate) fn cpu(&self) -> CpuClock {
        CpuClock(self.cpu)
    }

    /// The most memory that it has held (`VmHWM`), in KiB.
    pub(crate) fn peak_memory_kib(&self) -> Result<u64, Failure> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
        Ok(line.trim().trim_end_matches(" kB").parse()?)
    }

    /// The process's number.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // One that has ended already is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A process's CPU time.
#[derive(Clone, Copy)]
pub(crate) struct CpuClock(ClockId);

impl CpuClock {
    /// The CPU time so far; none where the process has ended.
    pub(crate) fn now(self) -> Duration {
        self.0.now().map_or(Duration::ZERO, Duration::from)
    }
}

/// A group of processes that share a part of a core.
pub(crate) struct CpuShare {
    folder: PathBuf,
}

impl CpuShare {
    /// A group that has `share` of a core. `None` where this machine does not let us make one.
    pub(crate) fn new(share: f64) -> Option<Self> {
        let quota_us = Duration::from_micros(PERIOD_US).mul_f64(share).as_micros();
        let name = format!("latchkey-bench-{}", std::process::id());
        let v2 = Path::new("/sys/fs/cgroup");
        let v1 = Path::new("/sys/fs/cgroup/cpu");
        for (parent, limits) in [
            (v2, vec![("cpu.max", format!("{quota_us} {PERIOD_US}"))]),
            (v1, vec![("cpu.cfs_period_us", PERIOD_US.to_string()), ("cpu.cfs_quota_us", quota_us.to_string())]),
        ] {
            if !parent.join("cgroup.procs").exists() {
                continue;
            }
            let group = Self { folder: parent.join(&name) };
            let made = fs::create_dir(&group.folder)
                .and_then(|()| limits.iter().try_for_each(|(file, limit)| write(&group.folder.join(file), limit)));
            if made.is_ok() {
                return Some(group);
            }
        }
        None
    }

    /// Puts a process into the group.
    pub(crate) fn hold(&self, process: &Process) -> Result<(), Failure> {
        Ok(write(&self.folder.join("cgroup.procs"), &process.id().to_string())?)
    }
}

impl Drop for CpuShare {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.folder);
    }
}

/// Writes to a file of the kernel, which must not be created.
fn write(file: &Path, text: &str) -> std::io::Result<()> {
    fs::OpenOptions::new().write(true).open(file)?.write_all(text.as_bytes())
}
