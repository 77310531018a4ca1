//! The HTML of the hosted page. It works without JavaScript, and loads nothing.

use std::sync::LazyLock;

use axum::{
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use data_encoding::BASE64;
use shared::{
    base::Error,
    crypto::sha256,
    http::ErrorPage,
    messages::{Language, escape},
};

/// The style of every page.
const STYLE: &str = ":root{color-scheme:light dark}*{box-sizing:border-box}\
body{font:1.0625rem/1.5 system-ui,sans-serif;max-width:26rem;margin:0 auto;padding:2rem 1rem}\
h1{font-size:1.5rem;line-height:1.25;margin:0 0 1rem}form{display:grid;gap:.75rem;margin:1rem 0}\
label{display:grid;gap:.25rem}input,button{font:inherit;padding:.7rem .8rem;border-radius:.5rem;\
border:1px solid GrayText;width:100%;min-height:2.75rem}button{background:none;color:inherit;cursor:pointer}\
button.main{background:#1d4ed8;border-color:#1d4ed8;color:#fff;font-weight:600}\
:focus-visible{outline:3px solid Highlight;outline-offset:2px}\
.logo{display:block;max-width:100%;height:3rem;margin:0 0 1.5rem}\
footer{display:flex;flex-wrap:wrap;gap:1rem;margin:2rem 0 0;font-size:.9375rem}footer a{color:inherit}\
svg{display:block;max-width:100%;height:auto}.key{font-family:ui-monospace,monospace;margin:0 0 .5rem;padding:0;list-style:none;\
user-select:all;overflow-wrap:anywhere}\
[role=alert]{border-inline-start:.25rem solid #b91c1c;padding:.25rem .75rem}";

static STYLE_SOURCE: LazyLock<String> = LazyLock::new(|| source(STYLE));

/// The script of a page.
#[derive(Clone, Copy)]
pub(crate) enum Script {
    /// Posts an answer to an app.
    Submit,
    /// Solves a proof of work, and sends the form with it.
    Solve,
}

impl Script {
    fn text(self) -> &'static str {
        match self {
            Self::Submit => "document.forms[0].submit()",
            Self::Solve => include_str!("proof.js"),
        }
    }
}

/// The source expression of an inline text (Content Security Policy Level 3 §2.3.1).
fn source(text: &str) -> String {
    format!("'sha256-{}'", BASE64.encode(&sha256(text.as_bytes())))
}

/// The parts of a page. The texts are escaped.
pub(crate) struct Page {
    pub(crate) status: StatusCode,
    pub(crate) language: Language,
    pub(crate) title: String,
    pub(crate) body: String,
    /// Where its forms may lead: the address of the app, to which the last one leads.
    pub(crate) leads_to: Option<String>,
    /// Its script, if it has one.
    pub(crate) script: Option<Script>,
    /// How the app wants it to look.
    pub(crate) look: Look,
}

/// The look of the page of an app.
#[derive(Default)]
pub(crate) struct Look {
    /// The style of the app's accent.
    pub(crate) style: Option<String>,
    /// The address of the logo.
    pub(crate) logo: Option<String>,
    /// The links of the app's operator: addresses, and their labels.
    pub(crate) links: Vec<(String, String)>,
}

/// An empty icon. Without it, browsers ask for one that is not there, against the policy.
const NO_ICON: &str = "<link rel=\"icon\" href=\"data:,\">\n";

impl Look {
    /// The elements before the title and after the form.
    fn around(&self) -> (String, String) {
        let logo = self.logo.as_deref().map(escape).unwrap_or_default();
        let logo = match logo.is_empty() {
            true => String::new(),
            false => format!("<img class=\"logo\" src=\"{logo}\" alt=\"\">\n"),
        };
        // They open beside the page, so that a sign-in is not lost.
        let link = |(address, label): &(String, String)| {
            format!(
                "<a href=\"{}\" target=\"_blank\" rel=\"noopener noreferrer\">{}</a>\n",
                escape(address),
                escape(label)
            )
        };
        let links: String = self.links.iter().map(link).collect();
        let footer = if links.is_empty() { links } else { format!("<footer>\n{links}</footer>\n") };
        (logo, footer)
    }
}

impl Page {
    /// The page for a failure, which takes the place of its problem details and sets these cookies.
    pub(crate) fn in_place_of_problem(self, cookies: Vec<HeaderValue>) -> Result<ErrorPage, Error> {
        let (html, policy) = self.document()?;
        Ok(ErrorPage { html, policy, cookies })
    }

    /// The response.
    pub(crate) fn response(self) -> Result<Response, Error> {
        let status = self.status;
        let (html, policy) = self.document()?;
        // A page that sends no referrer would send its forms with the origin `null`.
        let headers: [(HeaderName, HeaderValue); 4] = [
            (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
            (header::CONTENT_SECURITY_POLICY, policy),
            (header::REFERRER_POLICY, HeaderValue::from_static("same-origin")),
            (
                HeaderName::from_static("permissions-policy"),
                HeaderValue::from_static("otp-credentials=(self)"),
            ),
        ];
        Ok((status, headers, html).into_response())
    }

    /// The HTML, and its policy.
    fn document(self) -> Result<(String, HeaderValue), Error> {
        let Self { language, title, body, leads_to, script, look, .. } = self;
        let (tag, direction) = (language.tag(), language.direction());
        let element = script.map(|script| format!("<script>{}</script>\n", script.text()));
        let element = element.unwrap_or_default();
        let accent = look.style.as_ref().map(|style| format!("<style>{style}</style>\n"));
        let accent = accent.unwrap_or_default();
        let (logo, footer) = look.around();
        let html = format!(
            "<!doctype html>\n<html lang=\"{tag}\" dir=\"{direction}\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <title>{title}</title>\n{NO_ICON}<style>{STYLE}</style>\n{accent}</head>\n<body>\n<main>\n\
             {logo}<h1>{title}</h1>\n{body}</main>\n{footer}{element}</body>\n</html>\n"
        );

        let policy = HeaderValue::from_str(&policy(leads_to.as_deref(), script, &look))
            .map_err(|error| Error::Internal(error.to_string()))?;
        Ok((html, policy))
    }
}

/// The policy of a page. Chrome and Safari hold `form-action` against every redirect that follows a
/// form, also those of the app. So all https addresses pass, and the scheme of the app's address.
fn policy(leads_to: Option<&str>, script: Option<Script>, look: &Look) -> String {
    let scheme = leads_to.and_then(|address| address.split_once(':')).map(|(scheme, _)| scheme);
    let own = match scheme {
        Some("https") | None => String::new(),
        Some(scheme) => format!(" {scheme}:"),
    };
    let accent = look.style.as_ref().map(|style| format!(" {}", source(style)));
    let accent = accent.unwrap_or_default();
    let logo = look.logo.as_ref().map(|logo| format!(" {}", origin(logo))).unwrap_or_default();
    let script = script.map(|script| format!("; script-src {}", source(script.text())));
    let script = script.unwrap_or_default();
    format!(
        "default-src 'none'; style-src {}{accent}; img-src data:{logo}{script}; form-action 'self' https:{own}; \
         frame-ancestors 'none'; base-uri 'none'",
        *STYLE_SOURCE
    )
}

/// The scheme, the host and the port of an address.
pub(super) fn origin(address: &str) -> &str {
    let start = address.find("://").map_or(0, |at| at + 3);
    let end = address.get(start..).and_then(|rest| rest.find(['/', '?']));
    end.and_then(|end| address.get(..start + end)).unwrap_or(address)
}

/// A form of the page, which carries `flow`.
pub(crate) fn form(flow: &str, inside: &str) -> String {
    format!(
        "<form method=\"post\" action=\"/sign-in\">\n<input type=\"hidden\" name=\"flow\" \
         value=\"{flow}\">\n{inside}</form>\n"
    )
}

/// The action of the main button of a step.
pub(crate) const CONTINUE: &str = "continue";

/// A button that sends the form with an action. The first one is the main one.
pub(crate) fn button(action: &str, label: &str, is_main: bool) -> String {
    let (class, validates) =
        if is_main { (" class=\"main\"", "") } else { ("", " formnovalidate") };
    format!(
        "<button name=\"action\" value=\"{action}\"{class}{validates}>{}</button>\n",
        escape(label)
    )
}

/// A labelled input, which has the focus. `attributes` are HTML.
pub(crate) fn input(name: &str, label: &str, value: &str, attributes: &str) -> String {
    late_input(name, label, value, &format!("autofocus {attributes}"))
}

/// A labelled input below what is to be seen first. A browser would scroll to it if it had the focus.
pub(crate) fn late_input(name: &str, label: &str, value: &str, attributes: &str) -> String {
    format!(
        "<label>{}<input name=\"{name}\" value=\"{}\" required {attributes}></label>\n",
        escape(label),
        escape(value)
    )
}

/// A field of a form that nobody sees.
pub(crate) fn hidden(name: &str, value: &str) -> String {
    format!("<input type=\"hidden\" name=\"{name}\" value=\"{}\">\n", escape(value))
}

/// A paragraph.
pub(crate) fn paragraph(text: &str) -> String {
    format!("<p>{}</p>\n", escape(text))
}

/// A paragraph with a link.
pub(crate) fn link(address: &str, label: &str) -> String {
    format!("<p><a href=\"{}\">{}</a></p>\n", escape(address), escape(label))
}

/// The problem with the last step.
pub(crate) fn alert(text: &str) -> String {
    format!("<p role=\"alert\">{}</p>\n", escape(text))
}

/// A form that posts `parameters` to an address of an app.
pub(crate) fn post_form(address: &str, parameters: &[(&str, &str)], label: &str) -> String {
    let fields: String = parameters.iter().map(|(name, value)| hidden(name, value)).collect();
    format!(
        "<form method=\"post\" action=\"{}\">\n{fields}<button class=\"main\">{}</button>\n</form>\n",
        escape(address),
        escape(label)
    )
}
