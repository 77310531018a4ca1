//! The benchmark: the release binaries of the Lambdas, as Lambda runs them, against the embedded AWS.

mod arguments;
mod calls;
mod cpu_share;
mod event;
mod failure;
mod figures;
mod flow;
mod hot_keys;
mod lambda;
mod measure;
mod people;
mod process;
mod program;
mod report;
mod requests;
mod runtime_api;
mod samples;
mod service;
mod sign_in;
mod subject;
mod tls;
mod wire;

use std::{collections::BTreeMap, fs, path::PathBuf, process::ExitCode};

use clap::Parser;
use embedded_aws::EmbeddedAws;

use crate::{
    arguments::{Arguments, MB_OF_A_CORE, Mode},
    calls::CallLog,
    cpu_share::CpuShare,
    failure::Failure,
    figures::FlowFigures,
    lambda::Surroundings,
    measure::measure,
    people::People,
    report::Report,
    samples::Amount,
    service::Service,
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
            eprintln!("\nerror: {failure}\nWhat the Lambdas print is in {}", log(&arguments).display());
            ExitCode::FAILURE
        }
    }
}

fn log(arguments: &Arguments) -> PathBuf {
    arguments.out.join("functions.log")
}

async fn run(arguments: &Arguments) -> Result<(), Failure> {
    fs::create_dir_all(&arguments.out)?;
    fs::write(log(arguments), "")?;
    let aws = EmbeddedAws::start(TEMPLATE, None).await?;
    let plain = around(arguments, &aws, None).await?;
    let mut people = People::make(&aws, &plain.1, &arguments.binaries, arguments.people).await?;
    if let Some(count) = arguments.hot_keys {
        return hot_keys::print(&mut people, count).await;
    }
    let login = people.register(&plain.1, &arguments.binaries).await?;
    let references = ["hello", "get-item", "get-item ×11"];
    let subjects: Vec<_> = Subject::all(&arguments.binaries, login)
        .into_iter()
        .filter(|subject| {
            let named = arguments.only.iter().any(|only| only == subject.name);
            arguments.only.is_empty() || named || references.contains(&subject.name)
        })
        .collect();
    let tls = Tls::make()?;
    let encrypted = around(arguments, &aws, Some(&tls)).await?;
    let amount = Amount { rounds: arguments.rounds, warm: arguments.warm };
    let held = Amount { rounds: arguments.rounds, warm: arguments.warm.min(5) };
    let mut modes = BTreeMap::new();
    for mode in &arguments.modes {
        let (around, amount, share) = match mode {
            Mode::Plain => (&plain.1, amount, None),
            Mode::Tls => (&encrypted.1, amount, None),
            Mode::Held { megabytes } => {
                let Some(share) = CpuShare::new(f64::from(*megabytes) / f64::from(MB_OF_A_CORE)) else {
                    eprintln!("{mode} is skipped: this machine lets nobody here make a control group");
                    continue;
                };
                (&encrypted.1, held, Some(share))
            }
        };
        eprintln!("{mode}");
        let figures = measure(&subjects, amount, share.as_ref(), around, &mut people).await?;
        println!("{}", report::table(&mode.to_string(), &figures));
        modes.insert(mode.to_string(), figures);
    }
    println!("{}", report::LEGEND);
    let flows = flows(arguments, &plain.1, &mut people).await?;
    println!("{}", report::flow_table(&flows));
    let profile = arguments.binaries.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let file = arguments.out.join("figures.json");
    fs::write(&file, serde_json::to_string_pretty(&Report { profile, modes, flows })?)?;
    println!("{}", file.display());
    Ok(())
}

/// Whole sign-ins, here and at the peers.
async fn flows(arguments: &Arguments, around: &Surroundings, people: &mut People) -> Result<Vec<FlowFigures>, Failure> {
    let Some(peers) = &arguments.peers else { return Ok(Vec::new()) };
    let services = Service::all(&arguments.binaries, peers, &arguments.out)?;
    let amount = Amount { rounds: arguments.rounds.min(11), warm: arguments.warm };
    flow::measure(&services, amount, around, people).await
}

/// The way to AWS, which lasts as long as the wire does.
async fn around(arguments: &Arguments, aws: &EmbeddedAws, tls: Option<&Tls>) -> Result<(Wire, Surroundings), Failure> {
    let calls = CallLog::default();
    let wire = Wire::start(aws, tls, &calls).await?;
    let mut environment = wire.environment.clone();
    if let Some(tls) = tls {
        let file = arguments.out.join("root.pem");
        fs::write(&file, &tls.root_pem)?;
        environment.push(("AWS_CA_BUNDLE".to_owned(), file.display().to_string()));
    }
    Ok((wire, Surroundings { environment, calls, log: log(arguments) }))
}
