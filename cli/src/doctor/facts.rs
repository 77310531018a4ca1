//! The facts about a deployment, as AWS and the service state them. Nothing here is judged.

use std::collections::BTreeMap;

use jiff::Timestamp;

/// An answer, or why there was none.
pub(crate) type Answer<T> = Result<T, String>;

/// Everything that was asked.
pub(crate) struct Facts {
    pub(crate) regions: Regions,
    /// The name of the stack, which may not exist.
    pub(crate) stack_name: String,
    pub(crate) stack: Answer<Stack>,
    pub(crate) texts: Texts,
    pub(crate) emails: Emails,
    /// The secret with the credentials of senders.
    pub(crate) senders_secret: Answer<Secret>,
    pub(crate) concurrency: Answer<Concurrency>,
    /// The subscriptions to the topic of the alarms: the endpoint, and whether it is confirmed.
    pub(crate) subscriptions: Answer<Vec<(String, bool)>>,
    /// Whether an administrator can sign in.
    pub(crate) has_admin: Answer<bool>,
    pub(crate) service: Service,
    /// Whether the domain's name resolves.
    pub(crate) domain: Answer<()>,
    pub(crate) certificate: Answer<Certificate>,
    /// This machine's clock.
    pub(crate) now: Timestamp,
}

/// The regions that are set in different places.
#[derive(Clone, Debug, Default)]
pub(crate) struct Regions {
    /// The region that is asked.
    pub(crate) asked: String,
    /// Whether it was given as an option.
    pub(crate) given: bool,
    /// The region into which SAM deploys, which does not read `AWS_REGION`.
    pub(crate) of_sam: Option<String>,
}

/// The stack, as CloudFormation describes it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stack {
    pub(crate) name: String,
    pub(crate) region: String,
    pub(crate) status: String,
    pub(crate) parameters: BTreeMap<String, String>,
    pub(crate) outputs: BTreeMap<String, String>,
}

impl Stack {
    /// The value of a parameter. Empty if there is none.
    pub(crate) fn parameter(&self, name: &str) -> &str {
        self.parameters.get(name).map(String::as_str).unwrap_or_default()
    }

    /// The parts of a parameter that is a list.
    pub(crate) fn list(&self, name: &str) -> Vec<&str> {
        let parts = self.parameter(name).split(',').map(str::trim);
        parts.filter(|part| !part.is_empty()).collect()
    }

    /// The value of an output. Empty if there is none.
    pub(crate) fn output(&self, name: &str) -> &str {
        self.outputs.get(name).map(String::as_str).unwrap_or_default()
    }

    /// Whether real users depend on it.
    pub(crate) fn is_prod(&self) -> bool {
        self.parameter("Environment") == "prod"
    }
}

/// The answers of SNS about texts.
pub(crate) struct Texts {
    pub(crate) in_sandbox: Answer<bool>,
    /// The account's attributes in the region, such as `MonthlySpendLimit`.
    pub(crate) attributes: Answer<BTreeMap<String, String>>,
    pub(crate) numbers: Answer<Vec<Number>>,
}

/// A number from which SNS sends texts.
#[derive(Clone, Debug)]
pub(crate) struct Number {
    /// The country of the number (ISO 3166-1 alpha-2).
    pub(crate) country: String,
    /// Whether it can send texts now.
    pub(crate) ready: bool,
}

/// The answers of SES about e-mails.
pub(crate) struct Emails {
    pub(crate) account: Answer<EmailAccount>,
    /// The identity of the sender, if there is one.
    pub(crate) identity: Answer<Option<Identity>>,
    /// Whether the identity's default configuration set exists.
    pub(crate) configuration_set_exists: Answer<bool>,
}

/// The account in SES.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EmailAccount {
    pub(crate) in_sandbox: bool,
    /// Whether AWS lets the account send.
    pub(crate) may_send: bool,
    /// Whether addresses that bounced get no more e-mails.
    pub(crate) suppresses_bounces: bool,
    /// Whether addresses that complained get no more e-mails.
    pub(crate) suppresses_complaints: bool,
}

/// A sender in SES.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    /// The e-mail address or the domain.
    pub(crate) name: String,
    pub(crate) verified: bool,
    pub(crate) configuration_set: Option<String>,
}

/// A secret, as Secrets Manager describes it. Its value is not read, so that these credentials need
/// no right to it.
#[derive(Clone, Debug)]
pub(crate) enum Secret {
    /// There is none of this ARN.
    Missing,
    /// It is deleted, and can be restored.
    Deleted,
    /// It has no value.
    Empty,
    /// It is encrypted with a key that is not AWS's own.
    OtherKey,
    /// Functions can read its value.
    Ready,
}

/// How many instances of Lambdas may run at the same time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Concurrency {
    /// The account's limit in the region.
    pub(crate) limit: i32,
    /// The number that the reservations leave for all other functions.
    pub(crate) unreserved: i32,
}

/// The answers of the service itself.
pub(crate) struct Service {
    /// The URL that was asked. Empty if there is none.
    pub(crate) url: String,
    /// The status of `GET /health`, and the time that its `Date` header gives.
    pub(crate) health: Answer<(u16, Option<Timestamp>)>,
    /// How many keys are published.
    pub(crate) keys: Answer<usize>,
}

/// A certificate in ACM.
#[derive(Clone, Debug)]
pub(crate) struct Certificate {
    pub(crate) status: String,
    pub(crate) names: Vec<String>,
    pub(crate) expires: Option<Timestamp>,
    /// Whether ACM renews it.
    pub(crate) renewed: bool,
}
