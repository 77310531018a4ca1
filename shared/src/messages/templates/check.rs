//! The rules for the words of a template: sizes, placeholders and links. Without them a person who may
//! change a template could lead everybody who signs in to another page.

use super::{MailName, MailWording, Placeholder, html, placeholders};
use crate::{
    apps::{App, AppSettings, leads_elsewhere},
    base::{Error, host, origin},
};

/// The longest subject line, in characters.
const MAX_LINE_CHARS: usize = 150;
/// The longest text, in bytes.
const MAX_TEXT_BYTES: usize = 4 * 1024;
/// The longest HTML, in bytes. Mail programs cut e-mails of 100 KiB.
const MAX_HTML_BYTES: usize = 32 * 1024;

/// The pages that an app's e-mails may lead to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Origins {
    /// The origins of links.
    links: Vec<String>,
    /// The origin of images: that of the logo, which browsers of the app's people load anyway.
    images: Option<String>,
}

impl Origins {
    /// Those of an app: its web origins, and those of its redirect URIs and of its operator's pages.
    /// The default app also has those of the deployment.
    pub(super) fn of(app: &App, settings: &AppSettings) -> Self {
        let pages = &app.branding.links;
        let urls = app
            .allowed_origins
            .iter()
            .chain(settings.allowed_origins.iter().filter(|_| app.is_default()))
            .chain(&app.hosted.redirect_uris)
            .chain(&app.hosted.post_logout_redirect_uris)
            .chain([&pages.terms, &pages.privacy, &pages.support].into_iter().flatten());
        Self {
            links: urls.filter_map(|url| origin_of(url)).collect(),
            images: app.branding.logo.as_deref().and_then(origin_of),
        }
    }

    /// Whether an e-mail may lead to this URL.
    pub(super) fn may_link(&self, url: &str) -> bool {
        is_plain(url) && origin_of(url).is_some_and(|origin| self.links.contains(&origin))
    }

    /// Whether an e-mail may show the image at this URL. An image without placeholders is the same
    /// for everybody, so its server does not learn who reads an e-mail.
    pub(super) fn may_show(&self, url: &str) -> bool {
        let is_secure = url.starts_with("https://") && !url.contains(['{', '}']);
        is_secure && is_plain(url) && origin_of(url).is_some_and(|it| self.images == Some(it))
    }

    /// Whether a word of a text is one of the app's own URLs or hosts.
    fn owns(&self, word: &str) -> bool {
        if word.matches("://").count() == 1 {
            return !word.contains('@') && self.may_link(word);
        }
        let name = word.split('/').next().unwrap_or_default();
        let is_host = self.links.iter().any(|own| host(own) == Some(name));
        is_host && is_plain(word) && !word.contains(['@', ':'])
    }
}

/// The origin of a URL. `None` for anything that browsers could read as another origin.
fn origin_of(url: &str) -> Option<String> {
    let authority = url.find("://")? + 3;
    let rest = url.get(authority..)?;
    let end = rest.find(['/', '?', '#']).map_or(url.len(), |at| authority + at);
    origin(url.get(..end)?)
}

/// Whether `url` has only characters that a URL may have, and placeholders.
fn is_plain(url: &str) -> bool {
    url.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"'<>\\^`|".contains(&byte))
}

/// The rules for one template.
pub(super) struct Rules {
    /// The placeholders that it may have.
    pub(super) accepted: &'static [Placeholder],
    required: &'static [Placeholder],
    /// The pages that it may lead to.
    pub(super) origins: Origins,
}

impl Rules {
    /// Those of an e-mail.
    pub(super) fn of(name: MailName, origins: Origins) -> Self {
        let (accepted, required) = placeholders::of(name.subject);
        Self { accepted, required, origins }
    }

    /// Checks the words of a template.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`], which names the field and what is accepted.
    pub(super) fn check(&self, wording: &MailWording) -> Result<(), Error> {
        if let Some(line) = &wording.subject {
            self.check_line(line)?;
        }

        let text = &wording.text;
        check_size("text", text, MAX_TEXT_BYTES)?;
        let found = placeholders::read("text", text, self.accepted)?;
        self.check_required("text", &found)?;
        self.check_words("text", text)?;

        match &wording.html {
            Some(html) => {
                check_size("html", html, MAX_HTML_BYTES)?;
                html::check(html, self)
            }
            None => Ok(()),
        }
    }

    fn check_line(&self, line: &str) -> Result<(), Error> {
        const FIELD: &str = "subject";
        let is_line = (1..=MAX_LINE_CHARS).contains(&line.chars().count())
            && line.trim() == line
            && !line.chars().any(|c| c.is_control() || breaks_or_turns(c));
        if !is_line {
            return Err(Error::field(
                FIELD,
                format!(
                    "must be one line of 1 to {MAX_LINE_CHARS} characters, without spaces around it"
                ),
            ));
        }

        let in_lines: Vec<_> =
            self.accepted.iter().copied().filter(|it| *it != Placeholder::Link).collect();
        placeholders::read(FIELD, line, &in_lines)?;
        self.check_words(FIELD, line)
    }

    /// Checks that the placeholders without which the e-mail is useless were `found`.
    pub(super) fn check_required(&self, field: &str, found: &[Placeholder]) -> Result<(), Error> {
        match self.required.iter().find(|it| !found.contains(it)) {
            Some(missing) => Err(Error::field(field, format!("must contain {missing}"))),
            None => Ok(()),
        }
    }

    /// Checks that the words that people read have no link and no host but the app's. Mail programs
    /// make links of both.
    pub(super) fn check_words(&self, field: &str, text: &str) -> Result<(), Error> {
        // A value stands beside the words around it, so it could make a host of them.
        let filled = placeholders::fill(text, |placeholder| {
            Some(if placeholder == Placeholder::App { "App" } else { "000000" }.to_owned())
        });
        let filled = filled.unwrap_or_default();
        let separates = |c: char| c.is_whitespace() || "<>()\"".contains(c);
        let words = filled.split(separates).filter(|word| {
            let bare = word.trim_end_matches(['.', ',', ';', ':', '!', '?', '\'']);
            !self.origins.owns(bare)
        });

        if leads_elsewhere(&words.collect::<Vec<_>>().join(" ")) {
            return Err(Error::field(
                field,
                "must not contain a link, a host, an IP address or an e-mail address, except \
                 pages below the app's origins, redirect_uris and links; put a space after a full \
                 stop",
            ));
        }
        Ok(())
    }
}

fn check_size(field: &str, text: &str, max_bytes: usize) -> Result<(), Error> {
    let is_control = |c: char| c.is_control() && !matches!(c, '\n' | '\t') || turns(c);
    if text.trim().is_empty() || text.len() > max_bytes || text.contains(is_control) {
        return Err(Error::field(
            field,
            format!(
                "must have 1 to {max_bytes} bytes, without control characters beside line breaks \
                 and tabs"
            ),
        ));
    }
    Ok(())
}

/// Whether a character breaks the line or changes the direction of writing.
fn breaks_or_turns(c: char) -> bool {
    matches!(c, '\u{2028}' | '\u{2029}') || turns(c)
}

/// Whether a character changes the direction of what follows. The marks of Arabic do not.
fn turns(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
