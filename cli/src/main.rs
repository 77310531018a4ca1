//! The `latchkey` command, which operates a Latchkey service over its HTTP API.

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

mod api;
mod audit;
mod doctor;
mod failure;
mod finding;
mod fraud;
mod import;
mod keys;
mod log;
mod output;
mod retry;
mod senders;
mod sessions;
mod sign_in;
mod smoke;
mod unlock;
mod users;
mod verify;

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use clap::{Args, Parser, Subcommand};

use crate::{
    api::Api,
    failure::Failure,
    output::{Column, Format, List, printable},
    sessions::Sessions,
};

/// The URL of a service that `cargo run` starts.
const LOCAL: &str = "http://localhost:4400";

const ROLES: &[Column] = &[
    ("ROLE", "name"),
    ("ACTIVE", "active"),
    ("PERMISSIONS", "permissions"),
    ("DESCRIPTION", "description"),
];
const DELIVERIES: &[Column] = &[
    ("DAY", "day"),
    ("SENDER", "sender"),
    ("COUNTRY", "country"),
    ("SENT", "sent"),
    ("DELIVERED", "delivered"),
    ("FAILED", "failed"),
];
const APPS: &[Column] = &[
    ("CLIENT_ID", "client_id"),
    ("NAME", "name"),
    ("TYPE", "type"),
    ("SIGN_UP", "sign_up"),
    ("DEFAULT_ROLE", "default_role"),
    ("ACTIVE", "active"),
];

/// Operate a Latchkey service: its users, roles, apps and audit trail.
///
/// Exit codes: 0 success, 1 error on this machine or a problem was found, 2 wrong usage, 3 not signed in, 4 not permitted,
/// 5 not found, 6 refused, 7 too many requests, 8 service unavailable.
#[derive(Parser)]
#[command(name = "latchkey", version)]
struct Arguments {
    /// URL of the service [default: http://localhost:4400; for doctor, the URL of the stack]
    #[arg(long, global = true, env = "LATCHKEY_URL", value_parser = api::parse_url)]
    url: Option<String>,
    /// Print JSON: one object, or for a list one object per line
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Sign in with a page in a browser, on this or on another machine
    Login {
        /// Show the address of the page, and do not open it
        #[arg(long)]
        no_browser: bool,
    },
    /// End the session, here and at the service
    Logout,
    /// Show who is signed in
    Whoami,
    /// Find and change users
    #[command(subcommand)]
    Users(users::Command),
    /// Bring users along from another service: read its export, print a report, and send them
    Import(import::Arguments),
    /// End every wait of a phone, an e-mail address or a user: wrong codes and passwords, sends, a stop
    Unlock {
        /// Phone, e-mail address, or id of a user
        who: String,
    },
    /// List the roles
    #[command(subcommand)]
    Roles(RolesCommand),
    /// List the apps that share the users
    #[command(subcommand)]
    Apps(AppsCommand),
    /// Show who did what, oldest first, and verify that nobody changed what was recorded
    Audit(audit::Arguments),
    /// Check a deployment: ask AWS and the service what would otherwise be found out too late
    Doctor(doctor::Arguments),
    /// Sign in, refresh and sign out at a service, to see that it works
    Smoke(smoke::Arguments),
    /// Replace the root of the hash keys; needs AWS credentials, and no sign-in
    #[command(subcommand)]
    Keys(keys::Command),
    /// Show how many texts were delivered, by day, sender and country, as the senders report it; or how
    /// many of their codes were used, from a log
    Senders(senders::Arguments),
    /// Tune the detection of SMS pumping
    #[command(subcommand)]
    Fraud(fraud::Command),
}

#[derive(Subcommand)]
enum RolesCommand {
    /// List the active roles
    List {
        /// Include inactive roles
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        pages: Pages,
    },
}

#[derive(Subcommand)]
enum AppsCommand {
    /// List the apps
    List {
        #[command(flatten)]
        pages: Pages,
    },
}

#[derive(Args)]
struct Pages {
    /// Number of items per request. The list is printed in full anyway
    #[arg(
        long,
        value_name = "ITEMS",
        default_value_t = 100,
        value_parser = clap::value_parser!(u8).range(1..=100)
    )]
    page_size: u8,
}

impl Pages {
    fn limit(&self) -> (&'static str, Option<String>) {
        ("limit", Some(self.page_size.to_string()))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if !matches!(failure, Failure::OutputClosed) {
                // If stderr is closed, nobody can read the error.
                drop(writeln!(io::stderr(), "error: {}", printable(&failure.to_string())));
            }
            failure.exit_code()
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), Failure> {
    let format = if arguments.json { Format::Json } else { Format::Text };
    let url = arguments.url.clone().unwrap_or_else(|| LOCAL.to_owned());
    let mut api = Api::new(url, Sessions::of_user()?)?;
    match arguments.command {
        Command::Login { no_browser } => sign_in::login(&api, !no_browser, format).await,
        Command::Logout => sign_in::logout(&api).await,
        Command::Whoami => sign_in::whoami(&api, format).await,
        Command::Users(command) => users::run(&mut api, command, format).await,
        Command::Import(arguments) => import::run(&mut api, &arguments, format).await,
        Command::Unlock { who } => unlock::run(&api, &who).await,
        Command::Roles(RolesCommand::List { all, pages }) => {
            let query = [pages.limit(), ("all", all.then(|| "true".to_owned()))];
            list(&mut api, ("/v1/roles", "roles"), &query, List::new(format, ROLES)).await
        }
        Command::Apps(AppsCommand::List { pages }) => {
            list(&mut api, ("/v1/apps", "apps"), &[pages.limit()], List::new(format, APPS)).await
        }
        Command::Senders(senders::Arguments { log: Some(log), .. }) => senders::used(&log, format),
        Command::Senders(senders::Arguments { days, .. }) => {
            let query = [("days", Some(days.to_string()))];
            let deliveries = List::new(format, DELIVERIES);
            list(&mut api, ("/v1/reports", "counts"), &query, deliveries).await
        }
        Command::Doctor(asked) => doctor::run(&asked, arguments.url, format).await,
        Command::Smoke(arguments) => smoke::run(&api, &arguments, format).await,
        Command::Keys(command) => keys::run(&command, format).await,
        Command::Fraud(command) => fraud::run(&command, format),
        Command::Audit(arguments) => audit::run(&mut api, &arguments, format).await,
    }
}

/// Prints a whole list.
async fn list(
    api: &mut Api,
    what: (&str, &str),
    query: &[(&'static str, Option<String>)],
    mut list: List,
) -> Result<(), Failure> {
    api.pages(what, query, |items| items.iter().try_for_each(|item| list.add(item)).map(|()| true))
        .await?;
    list.finish()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn arguments_do_not_contradict_each_other() {
        Arguments::command().debug_assert();
    }
}
