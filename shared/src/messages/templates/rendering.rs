//! Filling a template in.

use super::{Content, Language, MailText, MailWording, Subject, placeholders};
use crate::{apps::Sender, base::Error, messages::content::one_line};

use super::Placeholder;

impl MailWording {
    /// The same with line breaks as one character each.
    pub(super) fn normal(self) -> Self {
        let lines = |text: String| text.replace("\r\n", "\n");
        Self { text: lines(self.text), html: self.html.map(lines), ..self }
    }

    /// The e-mail. `None` if the template has a link that the e-mail lacks. The link to stop e-mails
    /// is added at the end, since only some e-mails have it.
    ///
    /// # Errors
    /// [`Error::Internal`] as [`crate::messages::wording()`].
    pub(super) fn render(
        &self,
        content: &Content<'_>,
        language: Language,
    ) -> Result<Option<MailText>, Error> {
        let plain = |text: &str| placeholders::fill(text, |it| value(content, it));
        let rich = |html: &str| {
            placeholders::fill(html, |it| value(content, it).map(|value| escape(&value)))
        };

        let subject = match &self.subject {
            Some(line) => plain(line),
            None => Some(content.format(language, Some("subject"))?),
        };
        let html = self.html.as_deref().map(rich);
        let (Some(subject), Some(mut text)) = (subject, plain(&self.text)) else {
            return Ok(None);
        };
        let mut html = match html {
            Some(None) => return Ok(None),
            Some(html) => html,
            None => None,
        };

        if let Some(link) = content.stop_link {
            text = format!("{text}\n\n{}", content.message("stop-mails", language, None)?);
            let label = content.message("stop-mails", language, Some("button"))?;
            html = html.map(|html| with_stop_link(&html, &label, link));
        }
        Ok(Some(MailText { subject, text, html }))
    }
}

/// The value of a placeholder, on one line. `None` if the e-mail does not have it.
fn value(content: &Content<'_>, placeholder: Placeholder) -> Option<String> {
    let code = Some(content.code).filter(|code| !code.is_empty());
    match placeholder {
        Placeholder::Code => code.map(one_line),
        Placeholder::Minutes => code.map(|_| content.valid_minutes.to_string()),
        Placeholder::App => Some(one_line(&content.sender.app_name)),
        Placeholder::Link => content.link.or(content.undo_link).map(str::to_owned),
        Placeholder::Date => content.erased_on.map(str::to_owned),
    }
}

/// `text` as the text or an attribute of HTML, whichever quotes the attribute has.
fn escape(text: &str) -> String {
    crate::messages::escape(text).replace('\'', "&#39;")
}

/// The page with the link to stop e-mails at its end.
fn with_stop_link(html: &str, label: &str, link: &str) -> String {
    let stop = format!(
        "<p style=\"font-size: 14px\"><a href=\"{}\">{}</a></p>",
        escape(link),
        escape(label)
    );
    // Lower case does not move a byte, since only ASCII is changed.
    let end = html.to_ascii_lowercase().rfind("</body").unwrap_or(html.len());
    let (page, rest) = html.split_at_checked(end).unwrap_or((html, ""));
    format!("{page}{stop}{rest}")
}

/// The sample values of previews.
pub(super) struct Samples {
    link: String,
    stop_link: String,
}

impl Samples {
    /// Those of a service with this issuer.
    pub(super) fn of(issuer: &str) -> Self {
        Self { link: format!("{issuer}/example"), stop_link: format!("{issuer}/stop/example") }
    }

    /// A message with all sample values that its kind has.
    pub(super) fn content<'a>(&'a self, subject: Subject, sender: &'a Sender) -> Content<'a> {
        let (accepted, required) = placeholders::of(subject);
        let has_code = required.contains(&Placeholder::Code);
        let has_link = accepted.contains(&Placeholder::Link);
        Content {
            channel: None,
            subject,
            sender,
            code: if has_code { "123456" } else { "" },
            valid_minutes: 5,
            link: Some(&*self.link).filter(|_| has_code && has_link),
            stop_link: Some(&*self.stop_link).filter(|_| has_code),
            undo_link: Some(&*self.link).filter(|_| !has_code),
            erased_on: Some("2027-01-15"),
        }
    }
}
