//! HTTP conventions: problem details, extractors, what every response carries, a Lambda's main.

mod caller;
mod client;

mod extract;
mod json;
pub mod lambda;
mod page;
mod problem;
mod service;

pub use self::{
    caller::{AccessTokens, Caller},
    client::Client,
    extract::{CurrentHashKeys, CurrentSettings, PathId, Query},
    json::{Json, MAX_BODY_BYTES, OptionalJson, sent},
    page::{Page, PageQuery},
    problem::{Code, Problem},
    service::service,
};
