//! E-mails that an app words itself: one template for each kind of message and language.

mod check;
mod html;
mod placeholders;
mod rendering;
mod table;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use self::{
    check::{Origins, Rules},
    placeholders::Placeholder,
};
use super::{Content, Language, MailText, Subject};
use crate::{
    apps::{App, Apps, OwnMails},
    audit::Event,
    base::{Error, FieldError, api_time, epoch_seconds, whole_seconds},
    table::Store,
};

/// Which e-mail a template is: of which kind, in which language. It is written `sign_in/en`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MailName {
    /// The kind of message.
    pub subject: Subject,
    /// The language.
    pub language: Language,
}

impl MailName {
    /// Reads the names of a kind and of a language in a path. `is_default` says whether the app is
    /// the default one, in whose name notices are sent.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`], which says what the app can have.
    pub fn parse(kind: &str, language: &str, is_default: bool) -> Result<Self, Error> {
        let of_app = |subject: &Subject| {
            let (_, required) = placeholders::of(*subject);
            required.contains(&Placeholder::Code) || is_default && !required.is_empty()
        };
        let subjects: Vec<_> = Subject::ALL.into_iter().filter(of_app).collect();
        let subject = subjects.iter().find(|subject| subject.name() == kind).ok_or_else(|| {
            let names: Vec<_> = subjects.iter().map(|subject| subject.name()).collect();
            let other = if is_default { "" } else { "; notices belong to the default app" };
            Error::field("kind", format!("must be one of {}{other}", names.join(", ")))
        })?;

        let tag = |it: &Language| it.tag();
        let language =
            Language::ALL.into_iter().find(|it| tag(it) == language).ok_or_else(|| {
                let tags: Vec<_> = Language::ALL.iter().map(tag).collect();
                Error::field("language", format!("must be one of {}", tags.join(", ")))
            })?;
        Ok(Self { subject: *subject, language })
    }

    /// The name of the template that an app has for a message, in the language or else in English.
    /// `None` if it has none, so that the built-in e-mail is sent.
    fn chosen(own: &OwnMails, subject: Subject, language: Language) -> Option<Self> {
        [language, Language::English]
            .map(|language| Self { subject, language })
            .into_iter()
            .find(|name| own.has(&name.to_string()))
    }
}

impl std::fmt::Display for MailName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.subject.name(), self.language.tag())
    }
}

/// The words of an e-mail, with placeholders like `{code}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailWording {
    /// The subject line. `None` stands for the built-in one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The plain text.
    pub text: String,
    /// The same in HTML. Without it the e-mail has plain text alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub html: Option<String>,
}

/// A template as the store keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct MailTemplate {
    /// [`MailName`] as a text.
    name: String,
    #[serde(flatten)]
    wording: MailWording,
    #[serde(with = "epoch_seconds")]
    updated_at: Timestamp,
}

/// A template as the API shows it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = MailTemplate)]
pub struct MailTemplateView {
    /// The kind of message.
    #[schema(example = "sign_in")]
    kind: String,
    /// The language.
    #[schema(example = "en")]
    language: String,
    /// The subject line. `null` if it is the built-in one.
    #[schema(example = "Your {app} code")]
    subject: Option<String>,
    /// The plain text.
    #[schema(example = "{code} is your code. It is valid for {minutes} minutes.")]
    text: String,
    /// The same in HTML. `null` if the e-mail has plain text alone.
    #[schema(example = "<p><b>{code}</b> is your code. It is valid for {minutes} minutes.</p>")]
    html: Option<String>,
    #[serde(with = "api_time")]
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

impl From<MailTemplate> for MailTemplateView {
    fn from(template: MailTemplate) -> Self {
        let (kind, language) = template.name.split_once('/').unwrap_or_default();
        let MailWording { subject, text, html } = template.wording;
        Self {
            kind: kind.to_owned(),
            language: language.to_owned(),
            subject,
            text,
            html,
            updated_at: template.updated_at,
        }
    }
}

/// Where the words of a previewed e-mail come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MailSource {
    /// The wording in the request.
    Draft,
    /// A template of the app.
    Template,
    /// The built-in e-mail.
    BuiltIn,
}

/// An e-mail with sample values.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct MailPreview {
    /// Where its words come from.
    source: MailSource,
    /// The language that it is in: English if the app has only a template in English.
    #[schema(example = "en")]
    language: &'static str,
    /// The subject line.
    #[schema(example = "Your Shop code")]
    subject: String,
    /// The plain text.
    #[schema(example = "123456 is your code. It is valid for 5 minutes.")]
    text: String,
    /// The same in HTML. `null` if the e-mail has plain text alone.
    #[schema(example = "<p><b>123456</b> is your code. It is valid for 5 minutes.</p>")]
    html: Option<String>,
}

/// The templates of e-mails, as administrators see and change them.
#[derive(Clone)]
pub struct MailTemplates {
    pub(crate) apps: Apps,
}

impl MailTemplates {
    /// Returns a copy that writes `event` to the audit trail in the same transaction as its next
    /// change.
    #[must_use]
    pub fn recording(&self, event: Event) -> Self {
        Self { apps: self.apps.recording(event) }
    }

    /// Stores a template, in place of the previous one.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] for words that are not accepted; [`Error::NotFound`] if there is no
    /// such app.
    pub async fn put(
        &self,
        client_id: &str,
        name: MailName,
        wording: MailWording,
    ) -> Result<MailTemplateView, Error> {
        let now = whole_seconds(self.apps.clock.now());
        let template =
            MailTemplate { name: name.to_string(), wording: wording.normal(), updated_at: now };
        let settings = &self.apps.settings;
        let change = |app: &mut App| {
            Rules::of(name, Origins::of(app, settings)).check(&template.wording)?;
            app.mail_templates.insert(template.name.clone(), now.as_second());
            Ok(())
        };

        let default_app = App::default_app(settings);
        self.apps.store.put_mail_template((client_id, &default_app), &template, change).await?;
        Ok(template.into())
    }

    /// Deletes a template, so that the e-mail is the built-in one again.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no such app or template.
    pub async fn delete(&self, client_id: &str, name: MailName) -> Result<(), Error> {
        let name = name.to_string();
        let change =
            |app: &mut App| app.mail_templates.remove(&name).map(drop).ok_or(Error::NotFound);
        let default_app = App::default_app(&self.apps.settings);
        self.apps.store.delete_mail_template((client_id, &default_app), &name, change).await
    }

    /// All templates of an app, in the order of their names. There are at most 40.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no such app.
    pub async fn list(&self, client_id: &str) -> Result<Vec<MailTemplateView>, Error> {
        let app = self.apps.get(client_id).await?.ok_or(Error::NotFound)?;
        if app.mail_templates.is_empty() {
            return Ok(Vec::new());
        }
        let templates = self.apps.store.mail_templates(client_id).await?;
        Ok(templates.into_iter().map(MailTemplateView::from).collect())
    }

    /// An e-mail as it would be sent, with sample values. The words are those of `draft`, or else
    /// those that a person would get now.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] for a draft that is not accepted; [`Error::NotFound`] if there is
    /// no such app.
    pub async fn preview(
        &self,
        client_id: &str,
        name: MailName,
        draft: Option<MailWording>,
    ) -> Result<MailPreview, Error> {
        let app = self.apps.get(client_id).await?.ok_or(Error::NotFound)?;
        let settings = &self.apps.settings;
        let sender = app.sender(settings);
        let samples = rendering::Samples::of(&settings.issuer);
        let content = samples.content(name.subject, &sender);

        let (source, language, mail) = match draft.map(MailWording::normal) {
            Some(draft) => {
                Rules::of(name, Origins::of(&app, settings)).check(&draft).map_err(in_draft)?;
                (MailSource::Draft, name.language, draft.render(&content, name.language)?)
            }
            None => match self.apps.store.own_mail(&content, name.language).await? {
                Some((language, mail)) => (MailSource::Template, language, Some(mail)),
                None => (MailSource::BuiltIn, name.language, None),
            },
        };
        let MailText { subject, text, html } = match mail {
            Some(mail) => mail,
            None => content.mail(language)?,
        };
        Ok(MailPreview { source, language: language.tag(), subject, text, html })
    }
}

/// The refusal of a field of the draft in a request.
fn in_draft(error: Error) -> Error {
    let within = |mut error: FieldError| {
        error.field = format!("draft.{}", error.field);
        error
    };
    match error {
        Error::InvalidRequest(fields) => {
            Error::InvalidRequest(fields.into_iter().map(within).collect())
        }
        error => error,
    }
}

impl Store {
    /// The e-mail as its app words it, and the language of its words. `None` if the app has no
    /// template for it, or one with a link that this e-mail lacks: then nothing else may be read.
    pub(super) async fn own_mail(
        &self,
        content: &Content<'_>,
        language: Language,
    ) -> Result<Option<(Language, MailText)>, Error> {
        let Some(own) = &content.sender.mails else { return Ok(None) };
        let Some(name) = MailName::chosen(own, content.subject, language) else { return Ok(None) };
        let Some(template) = self.mail_template(&own.client_id, &name.to_string()).await? else {
            return Ok(None);
        };
        let mail = template.wording.render(content, name.language)?;
        Ok(mail.map(|mail| (name.language, mail)))
    }
}
