//! `latchkey doctor`: asks AWS and the service what an operator would otherwise find out too late.
//!
//! `facts.rs` is what there is to know, `ask.rs` finds it out, and `judge/` makes findings of it.

pub(crate) mod ask;
mod facts;
mod judge;

use clap::Args;
use shared::base::Environment;

use crate::{failure::Failure, finding::Report, output::Format};

#[derive(Args)]
pub(crate) struct Arguments {
    /// Name of the stack
    #[arg(long, value_name = "NAME", default_value = "latchkey-dev")]
    stack: String,
    /// Region of the stack. Without it: AWS_REGION, AWS_DEFAULT_REGION, or that of the AWS profile
    #[arg(long)]
    region: Option<String>,
}

/// Prints what is ok, and what is not with its remedy.
///
/// # Errors
/// [`Failure::Problems`] if there is a problem, [`Failure::Usage`] if there is no region or there
/// are no credentials, so that AWS cannot be asked.
pub(crate) async fn run(
    arguments: &Arguments,
    url: Option<String>,
    format: Format,
) -> Result<(), Failure> {
    let environment = Environment::of_process();
    let region = arguments.region.as_deref();
    let facts = ask::everything(&environment, &arguments.stack, region, url).await?;

    let mut report = Report::new(format);
    for finding in judge::findings(&facts) {
        report.add(&finding)?;
    }
    report.finish()
}
