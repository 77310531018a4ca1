//! What is said, by language.

use std::sync::OnceLock;

use fluent_bundle::{FluentArgs, FluentResource, concurrent::FluentBundle};

use super::Language;
use crate::base::Error;

/// The words of `name`, or of an `attribute` of it, in a language's file, with `values` put in.
///
/// # Errors
/// [`Error::Internal`] where the file has no such words, or they want another value.
pub fn wording(
    language: Language,
    name: &str,
    attribute: Option<&str>,
    values: &[(&'static str, &str)],
) -> Result<String, Error> {
    let broken =
        |what: &str| Error::Internal(format!("the messages in {}: {what}", language.tag()));
    let bundle = messages(language).as_ref().map_err(|what| broken(what))?;
    let message = bundle.get_message(name).ok_or_else(|| broken("lack a message"))?;
    let pattern = match attribute {
        Some(name) => message.get_attribute(name).map(|attribute| attribute.value()),
        None => message.value(),
    };
    let pattern = pattern.ok_or_else(|| broken("lack a text"))?;
    let values: FluentArgs<'_> = values.iter().copied().collect();
    let mut problems = Vec::new();
    let text = bundle.format_pattern(pattern, Some(&values), &mut problems).into_owned();
    if problems.is_empty() { Ok(text) } else { Err(broken("lack a value")) }
}

type Messages = Result<FluentBundle<FluentResource>, &'static str>;

/// The messages in a language, parsed once a process.
fn messages(language: Language) -> &'static Messages {
    static MESSAGES: [OnceLock<Messages>; Language::ALL.len()] =
        [const { OnceLock::new() }; Language::ALL.len()];
    static NONE: Messages = Err("are not there");
    MESSAGES
        .get(language as usize)
        .map_or(&NONE, |messages| messages.get_or_init(|| parse_messages(language)))
}

fn parse_messages(language: Language) -> Messages {
    let resource =
        FluentResource::try_new(language.messages().to_owned()).map_err(|_| "do not parse")?;
    let tag = language.tag().parse().map_err(|_| "no language tag")?;
    let mut bundle = FluentBundle::new_concurrent(vec![tag]);
    // Isolation marks are not in the GSM 7-bit alphabet.
    bundle.set_use_isolating(false);
    bundle.add_resource(resource).map_err(|_| "name something twice")?;
    Ok(bundle)
}
