//! HTTP: problem details, extractors, the headers and limits of every response, a Lambda's main.

mod admin;
mod cached;
mod caller;
mod client;
mod codes;
mod compressed;
mod conditional;
mod credentials;
mod edge;
mod error_page;
mod extract;
mod form;
mod idempotency;
mod json;
mod json_bounds;
pub mod lambda;
mod oauth;
mod page;
mod preference;
mod problem;
mod queries;
mod service;
mod step_up;

pub use self::{
    admin::{
        Admin, AppsRead, AppsWrite, AuditRead, Permission, RolesAssign, RolesRead, RolesWrite,
        UsersImport, UsersRead, UsersWrite,
    },
    cached::cached_json,
    caller::{Caller, CallerOfForm},
    client::{Client, EndUserAddress},
    codes::Code,
    compressed::Compressed,
    conditional::{IfMatch, Tagged},
    credentials::{ClaimedApp, Credentials},
    error_page::ErrorPage,
    extract::{
        CurrentHashKeys, CurrentSettings, PathId, PathIds, PathMail, PathName, PathNames, Query,
        Trail,
    },
    form::{Form, RawForm},
    idempotency::{Idempotent, Once},
    json::{
        CredentialJson, DocumentJson, Json, MAX_BODY_BYTES, OptionalJson, RecordsJson,
        check_encoding, given, read_record, sent, sent_time,
    },
    oauth::{OAuthError, OAuthErrorCode, oauth_errors},
    page::{Page, PageQuery},
    preference::preferences,
    problem::{Problem, reason},
    queries::{REFUSES_ALIKE, is_strict},
    service::{service, static_service},
    step_up::StepUp,
};
