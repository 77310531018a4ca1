//! `latchkey keys`: replaces the root of the hash keys, step by step. The function `keys-root` of
//! the stack does the work, and alone knows the roots.

use std::io::{self, Write as _};

use aws_sdk_lambda::{Client, primitives::Blob};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use shared::base::Environment;

use crate::{
    doctor::ask,
    failure::{Failure, Problem},
    output::{Column, Format},
};

const STATUS: &[Column] = &[
    ("PHASE", "phase"),
    ("ROOT", "version"),
    ("OTHER ROOT", "other_version"),
    ("SINCE", "since"),
    ("ALL MOVED", "has_moved"),
    ("NEXT STEP", "next_step"),
];

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Show the phase, and the next step
    Status(Stack),
    /// Introduce a next root; two hours later, make it the current one
    Rotate(Stack),
    /// Move all users to the current root
    Move(Stack),
    /// Forget the previous root
    Forget {
        #[command(flatten)]
        stack: Stack,
        /// Also end sessions that began with the previous root
        #[arg(long)]
        early: bool,
        /// Do not ask whether to begin
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Args)]
pub(crate) struct Stack {
    /// Name of the stack
    #[arg(long, value_name = "NAME", default_value = "latchkey-dev")]
    stack: String,
    /// Region of the stack. Without it: AWS_REGION, AWS_DEFAULT_REGION, or that of the AWS profile
    #[arg(long)]
    region: Option<String>,
}

/// Does a step, and prints the phase after it.
///
/// # Errors
/// [`Failure::Refused`] if it comes too early; [`Failure::Usage`] without a region or credentials;
/// [`Failure::NotFound`] if there is no such stack; [`Failure::Unavailable`].
pub(crate) async fn run(command: &Command, format: Format) -> Result<(), Failure> {
    let status = match command {
        Command::Status(stack) => Root::of(stack).await?.order(json!({"order": "status"})).await?,
        Command::Rotate(stack) => Root::of(stack).await?.order(json!({"order": "rotate"})).await?,
        Command::Move(stack) => Root::of(stack).await?.move_all().await?,
        Command::Forget { stack, early, yes } => {
            if !yes {
                confirm(*early)?;
            }
            Root::of(stack).await?.order(json!({"order": "forget", "early": early})).await?
        }
    };
    format.print_one(&with_next_step(status), STATUS)
}

/// The function that replaces the root.
struct Root {
    client: Client,
    function: String,
}

impl Root {
    async fn of(stack: &Stack) -> Result<Self, Failure> {
        let region = ask::region(&Environment::of_process(), stack.region.as_deref()).await?;
        let client = Client::new(&ask::config(&region).await?);
        Ok(Self { client, function: format!("{}_keys-root", stack.stack) })
    }

    async fn order(&self, order: Value) -> Result<Value, Failure> {
        let order = Blob::new(order.to_string());
        let invoked = self.client.invoke().function_name(&self.function).payload(order);
        let invoked = invoked.send().await.map_err(|error| {
            let is_missing =
                error.as_service_error().is_some_and(|it| it.is_resource_not_found_exception());
            let why = format!("the function {}: {}", self.function, ask::said(error));
            if is_missing { Failure::NotFound(why) } else { Failure::Unavailable(why) }
        })?;

        let answer = invoked.payload().map(Blob::as_ref).unwrap_or_default();
        let answer: Value = serde_json::from_slice(answer).unwrap_or_default();
        if let Some(status) = answer.get("done") {
            return Ok(status.clone());
        }
        if let Some(reason) = answer.get("refused") {
            let problem = json!({"detail": reason, "code": "refused"}).to_string();
            return Err(Failure::Refused(Box::new(Problem::parse(409, None, &problem))));
        }
        let why = answer.get("errorMessage").and_then(Value::as_str).unwrap_or("it failed");
        Err(Failure::Unavailable(format!("the function {}: {why}", self.function)))
    }

    /// Moves all users. An order moves some of them, and answers with the cursor of the next order.
    async fn move_all(&self) -> Result<Value, Failure> {
        let (mut moved, mut cursor) = (0, Value::Null);
        loop {
            let mut status = self.order(json!({"order": "move", "cursor": cursor})).await?;
            moved += status.get("moved").and_then(Value::as_u64).unwrap_or_default();
            note(&format!("{moved} users are on the current root."));
            cursor = status.get("next_cursor").cloned().unwrap_or_default();
            if cursor.is_null() {
                if let Some(fields) = status.as_object_mut() {
                    fields.insert("moved".to_owned(), moved.into());
                }
                return Ok(status);
            }
        }
    }
}

/// A status with the next step in words.
fn with_next_step(mut status: Value) -> Value {
    let text = |field: &str| status.get(field).and_then(Value::as_str).unwrap_or("now");
    let has_moved = status.get("has_moved").and_then(Value::as_bool).unwrap_or_default();
    let next_step = match text("phase") {
        "introduced" => format!("latchkey keys rotate, from {} on", text("next_step_at")),
        "moving" if !has_moved => format!("latchkey keys move, from {} on", text("next_step_at")),
        "moving" => format!("latchkey keys forget, from {} on", text("can_go_at")),
        _ => "none: there is one root".to_owned(),
    };
    if let Some(fields) = status.as_object_mut() {
        fields.insert("next_step".to_owned(), next_step.into());
    }
    status
}

/// Asks whether to forget the previous root.
///
/// # Errors
/// [`Failure::Usage`] unless `yes` is typed.
fn confirm(is_early: bool) -> Result<(), Failure> {
    if is_early {
        note("This signs out everybody whose session began with the previous root.");
    }
    note("The previous root is deleted for good. Type yes to go on:");
    let mut line = String::new();
    io::stdin()
        .read_line(&mut line)
        .map_err(|error| Failure::Machine(format!("cannot read the input: {error}")))?;
    match line.trim() {
        "yes" => Ok(()),
        _ => Err(Failure::Usage("nothing was changed, because the answer was not yes".to_owned())),
    }
}

/// Prints a message to stderr, since it is not a result.
fn note(text: &str) {
    // A closed stderr is no reason to stop.
    drop(writeln!(io::stderr(), "{text}"));
}
