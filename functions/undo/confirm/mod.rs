//! `POST /undo/{token}`: undoes the changes of an account.

use axum::response::Response;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::confirmation::{Page, Reader};
use shared::{accounts::Accounts, audit::Recorder, http::PathName, latchkey::Latchkey};

#[cfg(test)]
mod tests;

/// Undo the changes of an account
///
/// For the owner of an account that somebody else has changed. The addresses are restored as they
/// were before the first change of the last 72 hours, also if somebody has made a new account with
/// one of them since. A password that was set and a second factor that was added since are removed,
/// a second factor that was removed comes back, an account that was to be erased is kept, and all
/// sessions and known devices end. A link works
/// once, and using one ends the others.
#[utoipa::path(
    post,
    path = "/undo/{token}",
    operation_id = "undo-confirm",
    tag = "Me",
    params(("token" = String, Path, description = "From the link in the notice")),
    responses((
        status = 200,
        description = "A page that says that the changes are undone",
        content_type = "text/html",
        body = String
    )),
    extensions(("x-codes" = json!(["not_found"]))),
)]
async fn confirm(
    accounts: Accounts,
    recorder: Recorder,
    reader: Reader,
    PathName(token): PathName,
) -> Response {
    reader.answer(accounts.undo(&token, &recorder).await.map(|_| Page::Undone))
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(confirm))
}
