//! The sender of an app's messages.

use serde::{Deserialize, Serialize};

use super::{App, AppSettings, OwnMails, TextPlan};
use crate::spending::AppBudget;

/// The sender of a message, and its wording.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sender {
    /// The app's name, as people read it.
    pub app_name: String,
    /// The app's own text, with [`super::CODE_PLACEHOLDER`] in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sms_text: Option<String>,
    /// The senders of the app's texts, if they are not those of the deployment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text_senders: Option<TextPlan>,
    /// The host on which browsers fill codes in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub web_otp_host: Option<String>,
    /// The app's own budget, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<AppBudget>,
    /// The e-mails that the app words itself, if there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mails: Option<OwnMails>,
}

impl Sender {
    /// The same sender, for one kind of message alone.
    #[must_use]
    pub fn of_kind(self, kind: &str) -> Self {
        Self { mails: self.mails.and_then(|mails| mails.for_kind(kind)), ..self }
    }

    /// The same sender, for messages to this country alone.
    #[must_use]
    pub fn to_country(self, country: &str) -> Self {
        let plan = self.text_senders.and_then(|plan| plan.for_country(country));
        Self { text_senders: plan, ..self }
    }

    /// The same sender, for a code that is typed on the hosted page: browsers fill it in there.
    #[must_use]
    pub fn on_page(self, settings: &AppSettings) -> Self {
        Self { web_otp_host: crate::base::host(&settings.issuer).map(str::to_owned), ..self }
    }
}

impl App {
    /// The senders of the app's texts, by country, if they are not those of the deployment.
    pub fn text_plan(&self) -> Option<TextPlan> {
        self.text_senders.as_deref().and_then(TextPlan::parse)
    }

    /// The sender of the app's messages.
    pub fn sender(&self, settings: &AppSettings) -> Sender {
        let host = self
            .allowed_origins
            .iter()
            .find(|origin| origin.starts_with("http"))
            .and_then(|origin| crate::base::host(origin))
            .map(str::to_owned);

        Sender {
            app_name: self.name.clone(),
            sms_text: self.sms_text.clone(),
            text_senders: self.text_plan(),
            web_otp_host: host.or_else(|| settings.web_otp_host.clone()),
            budget: self.sms_budget.or(self.sms_daily_budget).map(|_| AppBudget {
                client_id: self.client_id.clone(),
                month: self.sms_budget,
                day: self.sms_daily_budget,
            }),
            mails: OwnMails::of(&self.client_id, &self.mail_templates),
        }
    }
}
