//! Measures the Lambdas. Each has its turn in every round, so that a slow moment of the machine
//! does not fall on one of them alone.

use std::fs;

use crate::{
    calls::{Call, chain_of},
    cpu_share::CpuShare,
    failure::Failure,
    figures::Figures,
    lambda::{Lambda, Surroundings, Used},
    people::People,
    requests::Requests,
    samples::{Amount, Summary, kib, ms},
    subject::{ITEMS, Subject},
};

/// The samples of one Lambda.
#[derive(Default)]
struct Samples {
    poll: Vec<Used>,
    first: Vec<Used>,
    warm: Vec<Used>,
    memory: Vec<f64>,
}

/// Measures all `subjects`. If there is a `share`, holds them to it from their first poll on.
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
            let share = share.filter(|_| !subject.is_larger);
            sample(subject, amount.warm, share, around, people, samples).await?;
        }
    }
    eprintln!();

    let figures = subjects.iter().zip(samples).map(|(subject, samples)| figures(subject, samples));
    Ok(with_ratios(figures.collect::<Result<_, _>>()?))
}

/// Takes the samples of one process.
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

/// The results from a Lambda's samples. The ratios are added later.
fn figures(subject: &Subject, samples: Samples) -> Result<Figures, Failure> {
    let of =
        |used: &[Used], figure: fn(&Used) -> f64| Summary::of(used.iter().map(figure).collect());
    let binary = subject.program.command.last().ok_or("no command")?;
    let calls =
        samples.warm.last().map(|used| used.calls.iter().map(|call| call.name.clone()).collect());

    Ok(Figures {
        name: subject.name.clone(),
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
        chain: of(&samples.warm, |used| chain_of(&used.calls) as f64),
        calls: calls.unwrap_or_default(),
        ..Figures::default()
    })
}

/// The sum of a kind of units. `Iterator::sum` would return a negative zero for no calls.
fn units(used: &Used, of: fn(&Call) -> f64) -> f64 {
    used.calls.iter().map(of).fold(0.0, |sum, units| sum + units)
}

/// Adds the ratios between the Lambdas of one run.
fn with_ratios(mut all: Vec<Figures>) -> Vec<Figures> {
    let median = |name: &str, figure: fn(&Figures) -> f64| {
        all.iter().find(|figures| figures.name == name).map_or(f64::NAN, figure)
    };

    let hello = median("hello", |figures| figures.poll_cpu.median);

    let warm_cpu = |figures: &Figures| figures.warm_cpu.median;
    // Everything else that a Lambda does is in both.
    let get_item =
        (median("get-item ×11", warm_cpu) - median("get-item", warm_cpu)) / f64::from(ITEMS);

    for figures in &mut all {
        figures.poll_cpu_per_hello = figures.poll_cpu.median / hello;
        figures.warm_cpu_per_get_item = figures.warm_cpu.median / get_item;
    }

    all
}
