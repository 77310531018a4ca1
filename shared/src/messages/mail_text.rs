//! The text of e-mails, and their design in HTML: `templates/mail.html`.

use askama::Template;

use super::{Content, Language, Subject};
use crate::base::Error;

/// The parts of an e-mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailText {
    /// The subject line.
    pub subject: String,
    /// The plain text.
    pub text: String,
    /// The text as HTML. An app's own e-mail may have none.
    pub html: Option<String>,
}

/// An e-mail with a code, or one that tells of a change and has none.
#[derive(Template)]
#[template(path = "mail.html")]
struct HtmlMail<'a> {
    language: Language,
    app: &'a str,
    title: &'a str,
    code: Option<&'a str>,
    sentence: &'a str,
    button: Option<(&'a str, &'a str)>,
    reason: &'a str,
    stop: Option<(&'a str, &'a str)>,
}

impl Content<'_> {
    /// The e-mail in `language`, as plain text and as HTML. It ends with the reason why the reader
    /// gets it, and with the link to stop e-mails, if there is one.
    ///
    /// # Errors
    /// [`Error::Internal`] as [`super::wording()`].
    pub fn mail(&self, language: Language) -> Result<MailText, Error> {
        let subject = self.format(language, Some("subject"))?;
        let reason = self.message(self.reason(), language, None)?;

        Ok(MailText {
            text: self.plain_mail(language, &reason)?,
            html: Some(self.html_mail(language, &subject, &reason)?),
            subject,
        })
    }

    fn plain_mail(&self, language: Language, reason: &str) -> Result<String, Error> {
        let mut text = self.format(language, None)?;
        if let Some(link) = self.link {
            text = format!("{text}\n\n{link}");
        }
        text = format!("{text}\n\n{reason}");
        if self.stop_link.is_some() {
            text = format!("{text} {}", self.message("stop-mails", language, None)?);
        }
        Ok(text)
    }

    fn html_mail(&self, language: Language, title: &str, reason: &str) -> Result<String, Error> {
        let sentence = self.format(language, Some("mail"))?;
        let label = |link| Ok::<_, Error>((self.format(language, Some("button"))?, link));
        let button = self.link.or(self.undo_link).map(label).transpose()?;
        let label =
            |link| Ok::<_, Error>((self.message("stop-mails", language, Some("button"))?, link));
        let stop = self.stop_link.map(label).transpose()?;

        let (app, sentence) = (self.sender.app_name.as_str(), sentence.as_str());
        let button = button.as_ref().map(|(label, link)| (label.as_str(), *link));
        let stop = stop.as_ref().map(|(label, link)| (label.as_str(), *link));
        let code = Some(self.code).filter(|code| !code.is_empty());
        let mail = HtmlMail { language, app, title, code, sentence, button, reason, stop };
        mail.render()
            .map_err(|error| Error::Internal(format!("an e-mail cannot be rendered: {error}")))
    }

    /// The sentence that says why the reader gets the e-mail.
    fn reason(&self) -> &'static str {
        match self.subject {
            Subject::AppChanged => "reason-administrator",
            _ if self.code.is_empty() => "reason-notice",
            _ => "reason-code",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{apps::Sender, messages::wording};

    const RESET: &str = "https://app.example.com/reset?a=1&b=2#t";
    const STOP: &str = "https://id.example.com/stop/AAAA";
    const UNDO: &str = "https://id.example.com/undo/BBBB";

    /// The e-mail as it is sent: codes have links to stop, and all notices but one can be undone.
    fn mail(subject: Subject, language: Language, app_name: &str) -> MailText {
        let sender = Sender {
            app_name: app_name.to_owned(),
            sms_text: None,
            text_senders: None,
            web_otp_host: None,
            budget: None,
            mails: None,
        };
        let has_code =
            [Subject::SignIn, Subject::AccountExists, Subject::PasswordReset, Subject::NewAddress]
                .contains(&subject);
        let content = Content {
            channel: None,
            subject,
            sender: &sender,
            code: if has_code { "493817" } else { "" },
            valid_minutes: 5,
            link: Some(RESET).filter(|_| subject == Subject::PasswordReset),
            stop_link: Some(STOP).filter(|_| has_code),
            undo_link: Some(UNDO).filter(|_| !has_code && subject != Subject::AppChanged),
            erased_on: Some("2026-12-24"),
        };
        content.mail(language).unwrap()
    }

    #[test]
    fn every_mail_has_its_links_its_reason_and_the_name_of_the_app_in_text_and_html() {
        for language in Language::ALL {
            for subject in Subject::ALL {
                let mail = mail(subject, language, "Shop");
                assert!(mail.subject.contains("Shop") && !mail.subject.contains('\n'));
                for part in [&mail.text, mail.html.as_ref().unwrap()] {
                    assert!(part.contains("Shop"), "{part}");
                    let link = match subject {
                        Subject::AppChanged => None,
                        _ if part.contains("493817") => Some(STOP),
                        _ => Some(UNDO),
                    };
                    assert!(link.is_none_or(|link| part.contains(link)), "{part}");
                }
                let reason = match subject {
                    Subject::AppChanged => "reason-administrator",
                    _ if mail.text.contains(UNDO) => "reason-notice",
                    _ => "reason-code",
                };
                let reason = wording(language, reason, None, &[("app", "Shop")]).unwrap();
                assert!(
                    mail.text.contains(&reason) && mail.html.unwrap().contains(&reason),
                    "{reason}"
                );
            }
        }
    }

    #[test]
    fn html_shows_values_as_text_and_loads_nothing() {
        for subject in Subject::ALL {
            let html = mail(subject, Language::English, "A<b>&\"").html.unwrap();
            assert!(html.contains("A&#60;b&#62;&#38;&#34;") && !html.contains("A<b>"), "{html}");
            let loads = ["<img", "<link", "<script", "url(", "@import", "src="];
            assert!(!loads.iter().any(|it| html.contains(it)), "{html}");
        }
        let html = mail(Subject::PasswordReset, Language::English, "Shop").html.unwrap();
        assert!(html.contains("href=\"https://app.example.com/reset?a=1&#38;b=2#t\""), "{html}");
    }
}
