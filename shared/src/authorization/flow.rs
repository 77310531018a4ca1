//! The state of the hosted page: a sealed field of its form, from step to step. So nothing is stored
//! before somebody has proven who they are, and tabs do not get in each other's way.

use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{AuthorizationRequest, UserCode, request::with_query};
use crate::{
    base::{Error, Random},
    crypto::HashKeys,
    identifiers::Channel,
};

/// A page: its task and its step.
#[derive(Clone, Serialize, Deserialize)]
pub struct Flow {
    /// The id, which the browser also has in a cookie: a page that was opened in one browser cannot
    /// be sent from another.
    #[serde(skip)]
    pub id: Uuid,
    /// The task.
    pub task: Task,
    /// The step.
    pub step: Step,
    /// Whether the person wants to set up a second factor, and signs in again for that.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sets_up: bool,
    /// When the page can no longer be used, in seconds since 1970.
    pub ends_at: i64,
}

/// The task of a page.
#[derive(Clone, Serialize, Deserialize)]
pub enum Task {
    /// A sign-in.
    SignIn(Box<AuthorizationRequest>),
    /// The sign-in of a device.
    Device(Box<DeviceTask>),
    /// Signing out.
    SignOut(SignOut),
}

/// The sign-in of a device, from its user code on.
#[derive(Clone, Serialize, Deserialize)]
pub struct DeviceTask {
    /// The user code, as it was typed last.
    pub user_code: String,
    /// The request of the app on the device. Until the user code is found, it is of the default app and
    /// asks for nothing.
    pub request: AuthorizationRequest,
}

impl DeviceTask {
    /// The task of a page that was opened with this user code, or with none.
    pub fn new(user_code: Option<&str>, ui_locales: Option<&str>) -> Self {
        let user_code = user_code.and_then(UserCode::parse);
        Self {
            user_code: user_code.map(|code| code.shown()).unwrap_or_default(),
            request: AuthorizationRequest::of_nobody(ui_locales),
        }
    }
}

/// A request to sign out.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct SignOut {
    /// Where the person goes then. It was checked.
    pub address: Option<String>,
    /// The `state` of the app's request, which it gets back.
    pub state: Option<String>,
    /// The languages that the person reads.
    pub ui_locales: Option<String>,
}

/// A step of a page.
#[derive(Clone, Serialize, Deserialize)]
pub enum Step {
    /// The person types the code that a device shows.
    UserCode,
    /// The person says who they are.
    Identify,
    /// The browser solves a proof of work before a code is sent.
    Prove {
        /// The phone or e-mail address that the person typed.
        identifier: String,
        /// The challenge, as clients of the API get it.
        challenge: serde_json::Value,
    },
    /// A code is on its way.
    Code {
        /// The challenge.
        challenge_id: Uuid,
        /// The phone, e-mail address or username that the person typed.
        identifier: String,
        /// The address of the code, masked.
        to: String,
        /// How many digits the code has.
        digits: u32,
        /// The channel on which it was sent.
        channel: Channel,
        /// All channels that lead to the address.
        channels: Vec<Channel>,
    },
    /// The password of somebody.
    Password {
        /// The phone, e-mail address or username that the person typed.
        identifier: String,
    },
    /// The second factor is due.
    SecondFactor {
        /// The sign-in that waits for it.
        mfa_token: String,
    },
    /// The person decides whether to go on as the user who is signed in.
    Confirm {
        /// The user who was shown.
        user_id: Uuid,
    },
    /// The person decides whether to set up a second factor.
    OfferSecondFactor {
        /// The user who is signed in.
        user_id: Uuid,
    },
    /// The person sets up an authenticator app.
    SetUp {
        /// The user who is signed in.
        user_id: Uuid,
        /// The name by which the authenticator app shows the user.
        account: String,
        /// The secret and the recovery codes, sealed.
        set_up: String,
    },
    /// The person keeps the recovery codes.
    RecoveryCodes {
        /// The user who is signed in.
        user_id: Uuid,
        /// The secret and the recovery codes, sealed.
        set_up: String,
    },
    /// The person decides whether to sign out.
    SignOut,
}

impl Flow {
    /// A new flow, whose page was not shown yet.
    ///
    /// # Errors
    /// [`Error::Internal`].
    pub fn new(task: Task, step: Step, random: &Random) -> Result<Self, Error> {
        Ok(Self { id: Uuid::from_bytes(random.bytes()?), task, step, sets_up: false, ends_at: 0 })
    }

    /// The flow as a page carries it that can be used until `ends_at`, in seconds since 1970.
    ///
    /// # Errors
    /// [`Error::Internal`].
    pub fn encode(&self, keys: &HashKeys, random: &Random, ends_at: i64) -> Result<String, Error> {
        let flow = Self { ends_at, ..self.clone() };
        let content =
            serde_json::to_vec(&flow).map_err(|error| Error::Internal(error.to_string()))?;
        let sealed = keys.seal_flow(self.id, &content, random)?;
        Ok(BASE64URL_NOPAD.encode(&[self.id.as_bytes().as_slice(), &sealed].concat()))
    }

    /// Reads a flow that a page sent. `None` unless it was made here.
    pub fn decode(text: &str, keys: &HashKeys) -> Option<Self> {
        let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).ok()?;
        let (id, sealed) = bytes.split_first_chunk()?;
        let id = Uuid::from_bytes(*id);
        let content = keys.open_flow(id, sealed).ok()?;
        let flow: Self = serde_json::from_slice(&content).ok()?;
        Some(Self { id, ..flow })
    }

    /// The same flow at another step.
    #[must_use]
    pub fn at(&self, step: Step) -> Self {
        Self { step, ..self.clone() }
    }

    /// The languages that the app asks for.
    pub fn ui_locales(&self) -> Option<&str> {
        match &self.task {
            Task::SignIn(request) => request.ui_locales.as_deref(),
            Task::Device(device) => device.request.ui_locales.as_deref(),
            Task::SignOut(sign_out) => sign_out.ui_locales.as_deref(),
        }
    }
}

impl SignOut {
    /// Where the person goes after signing out, with the `state`.
    pub fn url(&self) -> Option<String> {
        let state = self.state.as_deref().map(|state| ("state", state));
        Some(with_query(self.address.as_ref()?, state.as_slice()))
    }
}
