//! The pages behind the links in messages, and those of refusals: each has one sentence to say or
//! one question to ask.

use std::convert::Infallible;

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, HeaderValue, Method, header, request::Parts},
    response::{Html, IntoResponse, Response},
};
use shared::{
    base::Error,
    http::{ErrorPage, preferences},
    latchkey::Latchkey,
    messages::{Language, escape, wording},
};

#[cfg(test)]
mod tests;

const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; \
     base-uri 'none'",
);
/// Colours and sizes, as the sign-in page has them.
const TOKENS: &str = include_str!("../examples/web/tokens.css");
const STYLE: &str = include_str!("confirmation.css");

/// A page.
pub(crate) enum Page {
    /// Asks whether to stop messages.
    StopQuestion,
    /// Says until when no messages are sent, and can take that back.
    Stopped {
        /// The time (UTC).
        until: String,
    },
    /// Says that messages are sent again.
    Resumed,
    /// Asks whether to undo the changes of an account.
    UndoQuestion,
    /// Says that they are undone.
    Undone,
    /// Says that a link does not work.
    LinkRefused,
    /// Says that there is no such page.
    Missing,
    /// Says that a sign-in goes on elsewhere: somebody has opened its page by the address, which is
    /// that of a form.
    SignInElsewhere,
    /// Says that something failed.
    Failed,
}

impl Page {
    /// The name of its texts, and the time in them.
    fn texts(&self) -> (&'static str, &str) {
        match self {
            Self::StopQuestion => ("stop-question", ""),
            Self::Stopped { until } => ("stopped", until),
            Self::Resumed => ("resumed", ""),
            Self::UndoQuestion => ("undo-question", ""),
            Self::Undone => ("undone", ""),
            Self::LinkRefused => ("link-refused", ""),
            Self::Missing => ("no-page", ""),
            Self::SignInElsewhere => ("sign-in-elsewhere", ""),
            Self::Failed => ("page-failed", ""),
        }
    }

    /// Where its button leads, and whether the button is the main thing on it.
    fn button(&self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::StopQuestion | Self::UndoQuestion => Some(("", "main")),
            Self::Stopped { .. } => Some(("?resume=true", "second")),
            _ => None,
        }
    }
}

/// The person who opens a page: what their browser accepts, and the name of the app.
pub(crate) struct Reader {
    headers: HeaderMap,
    /// Whether they have followed a link, so that its address opens the page again.
    follows_link: bool,
    app_name: String,
}

impl FromRequestParts<Latchkey> for Reader {
    type Rejection = Infallible;

    async fn from_request_parts(
        request: &mut Parts,
        latchkey: &Latchkey,
    ) -> Result<Self, Infallible> {
        let app_name = latchkey.settings().apps.app_name.clone();
        let follows_link = request.method == Method::GET;
        Ok(Self { headers: request.headers.clone(), follows_link, app_name })
    }
}

impl Reader {
    /// The response: a page, or the refusal of a link.
    pub(crate) fn answer(&self, result: Result<Page, Error>) -> Response {
        let html = |page| self.html(page);
        match result.and_then(html) {
            Ok(html) => ([(header::CONTENT_SECURITY_POLICY, POLICY)], Html(html)).into_response(),
            Err(error) => self.refusal(error, Page::LinkRefused),
        }
    }

    /// The response for a refusal: a `page` if the request prefers one, as those of browsers do, or
    /// else problem details. Failures have a separate page.
    pub(crate) fn refusal(&self, error: Error, page: Page) -> Response {
        let page = match error {
            Error::NotFound | Error::MethodNotAllowed => page,
            _ => Page::Failed,
        };
        let mut response = error.into_response();
        if ErrorPage::is_preferred(&self.headers)
            && let Ok(html) = self.html(page)
        {
            response.extensions_mut().insert(ErrorPage {
                html,
                policy: POLICY,
                cookies: Vec::new(),
            });
        }
        response
    }

    /// The page, in a language that the reader accepts. It contains no text that a client chose.
    fn html(&self, page: Page) -> Result<String, Error> {
        let app_name = &self.app_name;
        let accepted = preferences(&self.headers, &header::ACCEPT_LANGUAGE);
        let language = accepted.into_iter().find_map(Language::of_tag).unwrap_or(Language::English);

        let (name, until) = page.texts();
        // Isolated, so that they are read in their own direction in every language.
        let (until, app) =
            (format!("\u{2066}{until}\u{2069}"), format!("\u{2068}{app_name}\u{2069}"));
        let say = |attribute| {
            wording(language, name, attribute, &[("until", &until), ("app", &app)])
                .map(|words| escape(&words))
        };
        let (title, explanation) = (say(None)?, say(Some("explanation"))?);

        let form = match page.button() {
            None if matches!(page, Page::Failed) && self.follows_link => {
                format!("<p><a href=\"\">{}</a></p>\n", say(Some("again"))?)
            }
            Some((query, class)) => {
                let action =
                    if query.is_empty() { String::new() } else { format!(" action=\"{query}\"") };
                let button = say(Some("button"))?;
                format!(
                    "<form method=\"post\"{action}><button class=\"{class}\">{button}</button></form>\n"
                )
            }
            None => String::new(),
        };

        let (tag, direction, brand) = (language.tag(), language.direction(), escape(app_name));
        Ok(format!(
            "<!doctype html>\n<html lang=\"{tag}\" dir=\"{direction}\">\n<head>\n\
         <meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta name=\"referrer\" content=\"no-referrer\">\n<title>{title} · {brand}</title>\n\
         <style>{TOKENS}{STYLE}</style>\n</head>\n<body>\n<header class=\"brand\">{brand}</header>\n\
         <main>\n<h1>{title}</h1>\n<p>{explanation}</p>\n{form}</main>\n</body>\n</html>\n"
        ))
    }
}
