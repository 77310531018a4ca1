//! Sign-in on the hosted page (OpenID Connect Core 1.0 §3.1): what an app asks for, what the page
//! carries from step to step, and the code that the app gets. Nothing is stored to begin a sign-in.

mod claims;
mod code;
mod device;
mod flow;
mod parameters;
mod pushed;
mod request;
mod settings;
mod table;

pub use self::{
    code::{AuthorizationCode, verifies},
    device::{Decision, DeviceCodes, Devices, POLL_SECONDS, UserCode, WaitingDevice},
    flow::{DeviceTask, Flow, SignOut, Step, Task},
    parameters::Parameters,
    pushed::{PUSHED_SECONDS, PushedRequests, is_pushed},
    request::{AuthorizationRequest, Destination, Prompt, Refusal, redirect_uri},
    settings::AuthorizationSettings,
};

/// The values of `prompt`.
pub const PROMPTS: [&str; 5] = ["none", "login", "consent", "select_account", "create"];
