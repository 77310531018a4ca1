//! The share of a core that a function of some size has, held by a control group.
//! <https://docs.kernel.org/admin-guide/cgroup-v2.html>

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{failure::Failure, process::Process};

/// The period after which Lambda gives a function its share of a core again.
const PERIOD_US: u64 = 20_000;

/// A control group. It is removed when this is dropped.
pub(crate) struct CpuShare {
    folder: PathBuf,
}

impl CpuShare {
    /// Makes a group that has `share` of a core. `None` if this machine does not let us.
    pub(crate) fn new(share: f64) -> Option<Self> {
        let quota_us = Duration::from_micros(PERIOD_US).mul_f64(share).as_micros();
        let name = format!("latchkey-bench-{}", std::process::id());
        let v2 = Path::new("/sys/fs/cgroup");
        let v1 = Path::new("/sys/fs/cgroup/cpu");

        for (parent, limits) in [
            (v2, vec![("cpu.max", format!("{quota_us} {PERIOD_US}"))]),
            (
                v1,
                vec![
                    ("cpu.cfs_period_us", PERIOD_US.to_string()),
                    ("cpu.cfs_quota_us", quota_us.to_string()),
                ],
            ),
        ] {
            if !parent.join("cgroup.procs").exists() {
                continue;
            }

            let group = Self { folder: parent.join(&name) };
            let made = fs::create_dir(&group.folder).and_then(|()| {
                limits.iter().try_for_each(|(file, limit)| write(&group.folder.join(file), limit))
            });
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

/// Writes to a file of the kernel. It fails if there is none, and creates none.
fn write(file: &Path, text: &str) -> std::io::Result<()> {
    fs::OpenOptions::new().write(true).open(file)?.write_all(text.as_bytes())
}
