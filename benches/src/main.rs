//! The benchmark: runs the release binaries of the Lambdas as Lambda does, on the embedded AWS.
//!
//! The modules are listed in the order of their use: a module uses only those listed before it.

/// The error of the benchmark.
mod failure;

/// The command line.
mod arguments;

/// The calls to AWS: what they were, what they cost, and which keys they wrote.
mod calls;

/// The private authority that the Lambdas trust when AWS is reached over TLS.
mod tls;

/// A proxy between the Lambdas and the embedded AWS, which records the calls.
mod wire;

/// The program of a Lambda: a command and its environment.
mod program;

/// The process of a Lambda: its CPU time and its memory.
mod process;

/// The share of a core that a function of some size has, held by a control group.
mod cpu_share;

/// HTTP requests and responses, as API Gateway exchanges them with a Lambda.
mod event;

/// The Lambda Runtime API, which hands a process its events.
mod runtime_api;

/// A running Lambda: a process, and the Runtime API that it asks for events.
mod lambda;

/// The requests of a sign-in, and what their responses hold.
mod sign_in;

/// The people who sign in, and the Lambdas that serve them while nothing is measured.
mod people;

/// Counts how often each partition key is written when many people sign in at the same time.
mod hot_keys;
mod keeper;

/// How many samples are taken, and their statistics.
mod samples;

/// The results: of a Lambda, and of a whole sign-in.
mod figures;

/// The Lambdas that are measured, and what each is asked.
mod subject;

/// The requests that one process is sent.
mod requests;

/// Measures the Lambdas, in turn.
mod measure;

/// The services that sign people in: Latchkey, and the peers beside it.
mod service;

/// Measures whole sign-ins at each service, in turn.
mod flow;

/// The tables that are printed, and the file that is kept.
mod report;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use clap::Parser;
use embedded_aws::{EmbeddedAws, SENDERS_SECRET};

use crate::{
    arguments::{Arguments, MB_OF_A_CORE, Mode},
    calls::CallLog,
    cpu_share::CpuShare,
    event::HttpRequest,
    failure::Failure,
    figures::{Figures, FlowFigures},
    lambda::Surroundings,
    measure::measure,
    people::People,
    report::Report,
    samples::Amount,
    service::Service,
    sign_in::phone,
    subject::Subject,
    tls::Tls,
    wire::Wire,
};

/// The table is made from the deployment's template.
const TEMPLATE: &str = include_str!("../../template.yaml");

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if arguments.names {
        println!("{}", Subject::lambdas().join(" "));
        return ExitCode::SUCCESS;
    }

    match run(&arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!(
                "\nerror: {failure}\nThe output of the Lambdas is in {}",
                log(&arguments).display()
            );
            ExitCode::FAILURE
        }
    }
}

/// The file that gets what the Lambdas print.
fn log(arguments: &Arguments) -> PathBuf {
    arguments.out.join("functions.log")
}

async fn run(arguments: &Arguments) -> Result<(), Failure> {
    fs::create_dir_all(&arguments.out)?;
    fs::write(log(arguments), "")?;

    let aws = EmbeddedAws::start(TEMPLATE, None).await?;
    aws.secrets.create(SENDERS_SECRET, program::senders().to_string());
    let (_plain_wire, plain) = around(arguments, &aws, None).await?;
    let mut people = People::make(&aws, &plain, &arguments.binaries, arguments.people).await?;

    if let Some(count) = arguments.hot_keys {
        return hot_keys::print(&mut people, count).await;
    }

    people.register_app(&plain, &arguments.binaries).await?;
    people.start_passkeys(&plain, &arguments.binaries).await?;
    let login = people.register(&plain, &arguments.binaries).await?;
    let subjects = chosen(arguments, &login);

    let tls = Tls::make()?;
    let (_tls_wire, encrypted) = around(arguments, &aws, Some(&tls)).await?;

    let modes = modes(arguments, &subjects, &plain, &encrypted, &mut people).await?;
    println!("{}", report::LEGEND);

    let flows = flows(arguments, &plain, &mut people).await?;
    println!("{}", report::flow_table(&flows));

    let profile = arguments.binaries.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let file = arguments.out.join("figures.json");
    fs::write(&file, serde_json::to_string_pretty(&Report { profile, modes, flows })?)?;
    println!("{}", file.display());
    Ok(())
}

/// The Lambdas that `--only` names, and those they are compared with. Without `--only`, all
/// Lambdas. Each but the latter is followed by the one from the folder of `--beside`.
fn chosen(arguments: &Arguments, login: &HttpRequest) -> Vec<Subject> {
    let references = ["hello", "get-item", "get-item ×11"];

    let under = arguments.under.iter().flat_map(|command| command.split(' '));
    let under: Vec<String> = under.map(str::to_owned).collect();

    let in_folder = |folder: &Path| {
        let all = Subject::all(folder, login.clone()).into_iter().map(|subject| Subject {
            program: subject.program.under(&under),
            is_larger: subject.is_larger && !arguments.hold_all,
            ..subject
        });
        let chosen = all.filter(|subject| {
            let named = arguments.only.contains(&subject.name);
            arguments.only.is_empty() || named || references.contains(&&*subject.name)
        });
        chosen.collect::<Vec<_>>()
    };

    let mut all = in_folder(&arguments.binaries);
    if let Some(folder) = &arguments.beside {
        let beside = in_folder(folder)
            .into_iter()
            .map(|subject| Subject { name: format!("{} (beside)", subject.name), ..subject });
        let pairs = all.into_iter().zip(beside).flat_map(|(first, beside)| {
            let beside = (!references.contains(&&*first.name)).then_some(beside);
            [Some(first), beside]
        });
        all = pairs.flatten().collect();
    }
    all
}

/// Measures the Lambdas in each mode, and prints a table of each. The figures are by mode.
async fn modes(
    arguments: &Arguments,
    subjects: &[Subject],
    plain: &Surroundings,
    encrypted: &Surroundings,
    people: &mut People,
) -> Result<BTreeMap<String, Vec<Figures>>, Failure> {
    let amount = Amount { rounds: arguments.rounds, warm: arguments.warm };
    let held = Amount { rounds: arguments.rounds, warm: arguments.warm.min(5) };

    let mut modes = BTreeMap::new();
    for mode in &arguments.modes {
        let (around, amount, share) = match mode {
            Mode::Plain => (plain, amount, None),
            Mode::Tls => (encrypted, amount, None),
            Mode::Held { megabytes } => {
                let Some(share) = CpuShare::new(f64::from(*megabytes) / f64::from(MB_OF_A_CORE))
                else {
                    eprintln!("{mode} is skipped: control groups cannot be made on this machine");
                    continue;
                };
                (encrypted, held, Some(share))
            }
        };

        eprintln!("{mode}");
        let figures = measure(subjects, amount, share.as_ref(), around, people).await?;
        println!("{}", report::table(&mode.to_string(), &figures));
        modes.insert(mode.to_string(), figures);
    }
    Ok(modes)
}

/// Measures whole sign-ins, here and at the peers. Without `--peers` there are none.
async fn flows(
    arguments: &Arguments,
    around: &Surroundings,
    people: &mut People,
) -> Result<Vec<FlowFigures>, Failure> {
    let Some(peers) = &arguments.peers else { return Ok(Vec::new()) };

    let services =
        Service::all(&arguments.binaries, arguments.beside.as_deref(), peers, &arguments.out)?;
    let amount = Amount { rounds: arguments.rounds.min(11), warm: arguments.warm };

    flow::measure(&services, amount, around, people).await
}

/// The surroundings of Lambdas that reach AWS through a new proxy, which lasts as long as the wire.
async fn around(
    arguments: &Arguments,
    aws: &EmbeddedAws,
    tls: Option<&Tls>,
) -> Result<(Wire, Surroundings), Failure> {
    let calls = CallLog::default();
    let wire = Wire::start(aws, tls, Duration::from_millis(arguments.away), &calls).await?;

    let mut environment = wire.environment.clone();
    environment.push(("ADMIN_PHONE".to_owned(), phone(0)));
    environment.push(("JWT_ALGORITHM".to_owned(), arguments.jwt_algorithm.clone()));
    if let Some(tls) = tls {
        let file = arguments.out.join("root.pem");
        fs::write(&file, &tls.root_pem)?;
        for bundle in ["AWS_CA_BUNDLE", "SENDERS_CA_BUNDLE"] {
            environment.push((bundle.to_owned(), file.display().to_string()));
        }
    }

    Ok((wire, Surroundings { environment, calls, log: log(arguments) }))
}
