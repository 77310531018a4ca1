//! The pages behind the links in messages: each asks a question and has one button.

use axum::{
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse, Response},
};
use shared::{
    base::Error,
    http::preferences,
    messages::{Language, escape, wording},
};

const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; \
     base-uri 'none'",
);

/// A page.
#[derive(Clone, Copy)]
pub(crate) enum Page<'a> {
    /// Asks whether to stop messages.
    StopQuestion,
    /// Says until when no messages are sent.
    Stopped { until: &'a str },
    /// Asks whether to undo the changes of an account.
    UndoQuestion,
    /// Says that they are undone.
    Undone,
}

/// The page, in a language that the `headers` of its request accept. It contains no text that a
/// client chose.
pub(crate) fn page(page: Page<'_>, headers: &HeaderMap) -> Result<Response, Error> {
    let accepted = preferences(headers, &header::ACCEPT_LANGUAGE);
    let language = accepted.into_iter().find_map(Language::of_tag).unwrap_or(Language::English);

    let (name, until) = match page {
        Page::StopQuestion => ("stop-question", String::new()),
        // Isolated, so that it is read from left to right in every language.
        Page::Stopped { until } => ("stopped", format!("\u{2066}{until}\u{2069}")),
        Page::UndoQuestion => ("undo-question", String::new()),
        Page::Undone => ("undone", String::new()),
    };

    let say = |attribute| {
        wording(language, name, attribute, &[("until", &until)]).map(|words| escape(&words))
    };
    let (title, explanation) = (say(None)?, say(Some("explanation"))?);

    let form = match page {
        Page::StopQuestion | Page::UndoQuestion => {
            format!("<form method=\"post\"><button>{}</button></form>\n", say(Some("button"))?)
        }
        Page::Stopped { .. } | Page::Undone => String::new(),
    };

    let (tag, direction) = (language.tag(), language.direction());
    let html = format!(
        "<!doctype html>\n<html lang=\"{tag}\" dir=\"{direction}\">\n<head>\n\
         <meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"referrer\" content=\"no-referrer\">\n<title>{title}</title>\n\
         <style>body {{ font: 1.1rem/1.5 system-ui, sans-serif; max-width: 32rem; margin: 3rem auto; padding: 0 1rem }} \
         button {{ font: inherit; padding: .75rem 1.5rem }}</style>\n</head>\n<body>\n<h1>{title}</h1>\n<p>{explanation}</p>\n\
         {form}</body>\n</html>\n"
    );

    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (header::CONTENT_SECURITY_POLICY, POLICY),
    ];
    Ok((headers, html).into_response())
}
