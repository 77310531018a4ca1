//! Measures: every Lambda in turn, again and again, so that a mood of the machine strikes them all.

use std::{fs, time::Duration};

use serde::Serialize;

use crate::{
    calls::Call,
    failure::Failure,
    lambda::{Lambda, Surroundings, Used},
    people::People,
    process::CpuShare,
    subject::{ITEMS, Requests, Subject},
};

/// How much is measured.
#[derive(Clone, Copy)]
pub(crate) struct Amount {
    /// Processes of each Lambda.
    pub(crate) rounds: usize,
    /// Warm requests of each process.
    pub(crate) warm: usize,
}

/// What many samples of one thing come to, in ms or KiB.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Summary {
    pub(crate) min: f64,
    pub(crate) median: f64,
    pub(crate) p99: f64,
    pub(crate) samples: usize,
}

impl Summary {
    pub(crate) fn of(mut samples: Vec<f64>) -> Self {
        samples.sort_by(f64::total_cmp);
        let at = |percent: usize| samples.get(samples.len().saturating_sub(1) * percent / 100).copied();
        Self {
            min: at(0).unwrap_or_default(),
            median: at(50).unwrap_or_default(),
            p99: at(99).unwrap_or_default(),
            samples: samples.len(),
        }
    }
}

/// What is known of a Lambda in the end. Times are in ms.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Figures {
    pub(crate) name: String,
    pub(crate) binary_bytes: u64,
    /// From the start of the process to its first poll.
    pub(crate) poll_wall: Summary,
    pub(crate) poll_cpu: Summary,
    /// From the first event to its answer; without what AWS took; and until the next poll.
    pub(crate) first_wall: Summary,
    pub(crate) first_own_wall: Summary,
    pub(crate) first_cpu: Summary,
    /// The same of all later events.
    pub(crate) warm_wall: Summary,
    pub(crate) warm_cpu: Summary,
    pub(crate) peak_memory_kib: Summary,
    /// Connections that a first request had to make.
    pub(crate) first_connections: Summary,
    /// Per warm request.
    pub(crate) read_units: Summary,
    pub(crate) write_units: Summary,
    pub(crate) calls: Vec<String>,
    /// As a share of the same figure of `hello`, and of the CPU time of one `GetItem`.
    pub(crate) poll_cpu_per_hello: f64,
    pub(crate) warm_cpu_per_get_item: f64,
}

impl Figures {
    /// The size of the binary, in MB.
    pub(crate) fn binary_mb(&self) -> f64 {
        kib(self.binary_bytes / 1000) / 1000.0
    }
}

#[derive(Default)]
struct Samples {
    poll: Vec<Used>,
    first: Vec<Used>,
    warm: Vec<Used>,
    memory: Vec<f64>,
}

/// Measures all `subjects`; holds them to a share of a core from their first poll on.
pub(crate) async fn measure(
    subjects: &[Subject],
    amount: Amount,
    share: Option<&CpuShare>,
    around: &Surroundings,
    people: &mut People,
) -> Result<Vec<Figures>, Failure> {
    let mut samples: Vec<Samples> = subjects.iter().map(|_| Samples::default()).collect();
    for round in 0..amount.rounds {
        eprint!("\rround {} of {} ", round + 1, amount.rounds);
        for (subject, samples) in subjects.iter().zip(&mut samples) {
            let share = share.filter(|_| !subject.whole_core);
            sample(subject, amount.warm, share, around, people, samples).await?;
        }
    }
    eprintln!();
    let figures = subjects.iter().zip(samples).map(|(subject, samples)| figures(subject, samples));
    Ok(with_ratios(figures.collect::<Result<_, _>>()?))
}

/// One process.
async fn sample(
    subject: &Subject,
    warm: usize,
    share: Option<&CpuShare>,
    around: &Surroundings,
    people: &mut People,
    samples: &mut Samples,
) -> Result<(), Failure> {
    let mut requests = Requests::prepare(&subject.kind, warm + 1, people).await?;
    let (mut lambda, used) = Lambda::start(&subject.program, around).await?;
    samples.poll.push(used);
    if let Some(share) = share {
        lambda.hold(share)?;
    }
    for index in 0..=warm {
        let (answer, used) = lambda.invoke(&requests.next()?).await?;
        requests.answered(&answer)?;
        if index == 0 { samples.first.push(used) } else { samples.warm.push(used) }
    }
    samples.memory.push(kib(lambda.process.peak_memory_kib()?));
    Ok(())
}

fn figures(subject: &Subject, samples: Samples) -> Result<Figures, Failure> {
    let of = |used: &[Used], figure: fn(&Used) -> f64| Summary::of(used.iter().map(figure).collect());
    let binary = subject.program.command.first().ok_or("no command")?;
    let calls = samples.warm.last().map(|used| used.calls.iter().map(|call| call.name.clone()).collect());
    Ok(Figures {
        name: subject.name.to_owned(),
        binary_bytes: fs::metadata(binary)?.len(),
        poll_wall: of(&samples.poll, |used| ms(used.wall)),
        poll_cpu: of(&samples.poll, |used| ms(used.cpu)),
        first_wall: of(&samples.first, |used| ms(used.wall)),
        first_own_wall: of(&samples.first, |used| ms(used.own_wall())),
        first_cpu: of(&samples.first, |used| ms(used.cpu)),
        warm_wall: of(&samples.warm, |used| ms(used.wall)),
        warm_cpu: of(&samples.warm, |used| ms(used.cpu)),
        peak_memory_kib: Summary::of(samples.memory),
        first_connections: of(&samples.first, |used| f64::from(used.connections)),
        read_units: of(&samples.warm, |used| units(used, |call| call.read_units)),
        write_units: of(&samples.warm, |used| units(used, |call| call.write_units)),
        calls: calls.unwrap_or_default(),
        ..Figures::default()
    })
}

/// The sum of nothing would be a negative zero.
fn units(used: &Used, of: fn(&Call) -> f64) -> f64 {
    used.calls.iter().map(of).fold(0.0, |sum, units| sum + units)
}

/// Adds what compares Lambdas of one run.
fn with_ratios(mut all: Vec<Figures>) -> Vec<Figures> {
    let median = |name: &str, figure: fn(&Figures) -> f64| {
        all.iter().find(|figures| figures.name == name).map_or(f64::NAN, figure)
    };
    let hello = median("hello", |figures| figures.poll_cpu.median);
    let warm_cpu = |figures: &Figures| figures.warm_cpu.median;
    // What else a Lambda does is in both.
    let get_item = (median("get-item ×11", warm_cpu) - median("get-item", warm_cpu)) / f64::from(ITEMS);
    for figures in &mut all {
        figures.poll_cpu_per_hello = figures.poll_cpu.median / hello;
        figures.warm_cpu_per_get_item = figures.warm_cpu.median / get_item;
    }
    all
}

pub(crate) fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

pub(crate) fn kib(kib: u64) -> f64 {
    u32::try_from(kib).map_or(f64::MAX, f64::from)
}
