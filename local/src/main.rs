//! `cargo run`: all of Latchkey in one process, on loopback, with the parts of AWS that it needs
//! embedded. It is never deployed.

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Parser;
use shared::base::Environment;
use tokio::net::TcpListener;

/// Run Latchkey on your laptop: every endpoint, a database, and an inbox for texts and e-mails.
///
/// Set any setting of a deployment as an environment variable; docs/settings.md lists them.
#[derive(Parser)]
#[command(name = "latchkey", version)]
struct Arguments {
    /// Port to listen on
    #[arg(long, env = "PORT", default_value_t = 4400)]
    port: u16,
    /// Address to listen on; 0.0.0.0 lets phones in your network call the API
    #[arg(long, value_name = "ADDRESS", default_value_t = Ipv4Addr::LOCALHOST.into())]
    host: IpAddr,
    /// Limit messages as a deployment does: a cooldown, and so many per phone, source, block of
    /// numbers, mail domain and budget. Otherwise only the limits that you set hold
    #[arg(long)]
    as_deployed: bool,
    /// Store nothing on disk: users, sessions and keys are gone when the program ends
    #[arg(long)]
    in_memory: bool,
    /// Folder to store data in, unless --in-memory is given
    #[arg(long, default_value = ".local")]
    data: PathBuf,
    /// File with the credentials of senders of texts, as docs/senders.md describes it. TEXT_SENDERS says
    /// which sender gets what. A sender whose host is not set is embedded
    #[arg(long, value_name = "FILE")]
    senders: Option<PathBuf>,
    /// Also serve the embedded AWS at this address, for functions in containers (deploy/sam-local).
    /// Anyone who can reach the address can read codes and keys
    #[arg(long, value_name = "ADDRESS:PORT")]
    aws_address: Option<SocketAddr>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    tracing_subscriber::fmt()
        .compact()
        .with_target(false)
        .with_writer(std::io::stderr)
        .with_env_filter(tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(
            |_| "warn,shared=info,functions=info,local=info,metric=off,dynoxide=error".into(),
        ))
        .init();

    match run(&arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(problems) => {
            for problem in problems {
                eprintln!("error: {problem}");
            }
            ExitCode::FAILURE
        }
    }
}

/// Serves until Ctrl-C or SIGTERM. Each error is a line for the person at the terminal.
async fn run(arguments: &Arguments) -> Result<(), Vec<String>> {
    let address = SocketAddr::from((arguments.host, arguments.port));
    let listener =
        TcpListener::bind(address).await.map_err(|error| vec![bind_problem(address, &error)])?;
    let address = listener.local_addr().map_err(|error| vec![error.to_string()])?;
    // Before the embedded services choose their ports, since one of them could get this one.
    let aws_listener = match arguments.aws_address {
        Some(address) => {
            let bound = TcpListener::bind(address).await;
            Some(bound.map_err(|error| vec![format!("{address}: {error}")])?)
        }
        None => None,
    };

    let folder: Option<&Path> = if arguments.in_memory { None } else { Some(&arguments.data) };
    let mut environment = Environment::of_process();
    if !arguments.as_deployed {
        local::lift_send_limits(&mut environment);
    }

    if let Some(file) = &arguments.senders {
        environment.set(local::SENDERS_FILE, file.to_string_lossy());
    }

    let mut service = local::start(address, folder, environment).await?;
    if let Some(listener) = aws_listener {
        service.aws.serve_at(listener);
    }

    service.print_messages();
    banner(&service.url, folder);
    if !address.ip().is_loopback() {
        println!(
            "Warning: everybody in your network can call the API, and sign in with the test phone.\n"
        );
    }
    service.serve(listener, asked_to_stop()).await.map_err(|error| vec![error.to_string()])
}

fn bind_problem(address: SocketAddr, error: &std::io::Error) -> String {
    let port = address.port();
    match error.kind() {
        std::io::ErrorKind::AddrInUse => {
            format!(
                "port {port} is already in use: choose another one with \
                 `cargo run -- --port {}`, or set PORT",
                port.wrapping_add(1).max(1024)
            )
        }
        std::io::ErrorKind::PermissionDenied => {
            format!("port {port} needs administrator rights: choose one above 1023")
        }
        _ => format!("cannot listen on {address}: {error}"),
    }
}

fn banner(url: &str, folder: Option<&Path>) {
    let kept = folder.map_or("in memory only, gone when the program ends".to_owned(), |folder| {
        format!("in {}", folder.display())
    });
    println!(
        "
Latchkey is ready.

  API    {url}
  Docs   {url}/docs
  Inbox  {url}/_local   (texts and e-mails arrive here and in this terminal)
  App    {url}/_local/app   (sign in here as your users would)
  Data   {kept}

Try it:

  curl -s {url}/v1/otp/send -H 'content-type: application/json' -d '{{\"phone\": \"+14155550123\"}}'

Press Ctrl-C to stop.
"
    );
}

async fn asked_to_stop() {
    let ctrl_c = async {
        // Without the handler, Ctrl-C ends the program immediately, which does no harm.
        let _ = tokio::signal::ctrl_c().await;
    };
    let terminated = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => drop(signal.recv().await),
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        () = ctrl_c => {}
        () = terminated => {}
    }
}
