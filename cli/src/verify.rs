//! `latchkey audit verify`: compares the audit trail with its anchors.

use clap::Args;
use jiff::Timestamp;
use serde_json::json;
use shared::{
    audit::anchors::{Anchors, Verification},
    base::{Clock, Environment, Random},
};

use crate::{
    doctor::ask,
    failure::Failure,
    output::{Format, print_line},
};

#[derive(Args)]
pub(crate) struct Arguments {
    /// Name of the stack
    #[arg(long, value_name = "NAME", default_value = "latchkey-dev")]
    stack: String,
    /// Region of the stack. Without it: AWS_REGION, AWS_DEFAULT_REGION, or that of the AWS profile
    #[arg(long)]
    region: Option<String>,
    /// Name of the table, instead of that of the stack
    #[arg(long, requires = "bucket")]
    table: Option<String>,
    /// Name of the bucket with the anchors, instead of that of the stack
    #[arg(long, requires = "table")]
    bucket: Option<String>,
    /// Verify only events from this time on, like 2027-01-15T08:00:00Z
    #[arg(long, value_name = "TIME")]
    from: Option<Timestamp>,
    /// Verify only events before this time
    #[arg(long, value_name = "TIME")]
    to: Option<Timestamp>,
}

/// Prints what is wrong with the trail, and until when it is anchored.
///
/// # Errors
/// [`Failure::Problems`] if something is wrong; [`Failure::Usage`] without a region or credentials;
/// [`Failure::NotFound`] if there is no such stack, or it has no anchors; [`Failure::Unavailable`].
pub(crate) async fn run(arguments: &Arguments, format: Format) -> Result<(), Failure> {
    let environment = Environment::of_process();
    let region = ask::region(&environment, arguments.region.as_deref()).await?;
    let config = ask::config(&region).await?;
    let (table, bucket) = match (&arguments.table, &arguments.bucket) {
        (Some(table), Some(bucket)) => (table.clone(), bucket.clone()),
        _ => of_stack(&config, &region, &arguments.stack).await?,
    };

    let (clock, random) = (Clock::system(), Random::system());
    let anchors = Anchors::of_operator(&config, (&table, &bucket), clock, random);
    let found = anchors.verify(arguments.from, arguments.to).await;
    print(&found.map_err(|error| Failure::Unavailable(error.to_string()))?, format)
}

/// The names of the table and of the bucket.
async fn of_stack(
    config: &aws_config::SdkConfig,
    region: &str,
    name: &str,
) -> Result<(String, String), Failure> {
    let stack = ask::stack(config, region, name).await;
    let stack = stack.map_err(|why| Failure::NotFound(format!("the stack {name}: {why}")))?;
    let (table, bucket) = (stack.output("TableName"), stack.output("AuditBucketName"));
    if table.is_empty() || bucket.is_empty() {
        let why = "it has no anchors of the audit trail: deploy this version of the template";
        return Err(Failure::NotFound(format!("the stack {name}: {why}")));
    }
    Ok((table.to_owned(), bucket.to_owned()))
}

fn print(found: &Verification, format: Format) -> Result<(), Failure> {
    let Verification { anchors, intact, expired, since, until, findings } = found;
    for finding in findings {
        match format {
            Format::Json => {
                print_line(&json!({"id": finding.id, "finding": finding.to_string()}).to_string())?
            }
            Format::Text => print_line(&finding.to_string())?,
        }
    }

    match format {
        Format::Json => print_line(
            &json!({
                "anchors": anchors, "intact": intact, "expired": expired,
                "since": since, "until": until, "findings": findings.len(),
            })
            .to_string(),
        )?,
        Format::Text => {
            print_line(&format!(
                "{intact} events are as they were anchored, {expired} have expired; {anchors} anchors"
            ))?;
            if let Some(since) = since {
                print_line(&format!(
                    "Events until {since} cannot be verified: their anchors are gone."
                ))?;
            }
            if let Some(until) = until {
                print_line(&format!("Events since {until} are not anchored yet."))?;
            }
        }
    }

    match findings.first() {
        None => Ok(()),
        Some(first) => Err(Failure::Problems(format!("the audit trail is not intact: {first}"))),
    }
}
