//! The words of messages and pages, by language.

use std::sync::OnceLock;

use fluent_bundle::{FluentArgs, FluentResource, concurrent::FluentBundle};

use super::Language;
use crate::base::Error;

/// The text of the message `name` in a language's file, or of its `attribute`, with `values` filled
/// in.
///
/// # Errors
/// [`Error::Internal`] if the file does not parse, lacks the message or the attribute, or uses a
/// value that is not in `values`.
pub fn wording(
    language: Language,
    name: &str,
    attribute: Option<&str>,
    values: &[(&'static str, &str)],
) -> Result<String, Error> {
    let broken =
        |problem: &str| Error::Internal(format!("the messages in {}: {problem}", language.tag()));
    let bundle = messages(language).as_ref().map_err(|problem| broken(problem))?;
    let message = bundle
        .get_message(name)
        .ok_or_else(|| broken(&format!("the message {name} is missing")))?;
    let pattern = match attribute {
        Some(name) => message.get_attribute(name).map(|attribute| attribute.value()),
        None => message.value(),
    };
    let pattern = pattern.ok_or_else(|| broken(&format!("a text of {name} is missing")))?;

    let values: FluentArgs<'_> = values.iter().copied().collect();
    let mut errors = Vec::new();
    let text = bundle.format_pattern(pattern, Some(&values), &mut errors).into_owned();
    if errors.is_empty() { Ok(text) } else { Err(broken(&format!("{name} lacks a value"))) }
}

type Messages = Result<FluentBundle<FluentResource>, &'static str>;

/// The messages in a language, parsed once per process.
fn messages(language: Language) -> &'static Messages {
    static MESSAGES: [OnceLock<Messages>; Language::ALL.len()] =
        [const { OnceLock::new() }; Language::ALL.len()];
    static NONE: Messages = Err("the language is unknown");
    MESSAGES
        .get(language as usize)
        .map_or(&NONE, |messages| messages.get_or_init(|| parse_messages(language)))
}

fn parse_messages(language: Language) -> Messages {
    let resource = FluentResource::try_new(language.messages().to_owned())
        .map_err(|_| "the file does not parse")?;
    let tag = language.tag().parse().map_err(|_| "the language tag does not parse")?;
    let mut bundle = FluentBundle::new_concurrent(vec![tag]);
    // Isolation marks are not in the GSM 7-bit alphabet.
    bundle.set_use_isolating(false);
    bundle.add_resource(resource).map_err(|_| "a name is there twice")?;
    Ok(bundle)
}
