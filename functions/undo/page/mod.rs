//! `GET /undo/{token}`: the page that asks whether to undo the changes of an account.

use axum::response::Response;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::confirmation::{Page, Reader};
use shared::{accounts::Accounts, http::PathName, latchkey::Latchkey};

/// Show the page that undoes changes
///
/// Notices of a new address, a changed password and a changed second factor contain a link to this
/// page, which is good for 72 hours. The link in a notice of an erasure is good until the account is
/// erased. Opening it changes nothing, because programs open links, too:
/// the changes are undone when its button is pressed. The page is in the first language of
/// `Accept-Language` that is English, Arabic, Hindi or Spanish, otherwise in English.
#[utoipa::path(
    get,
    path = "/undo/{token}",
    operation_id = "undo-page",
    tag = "Me",
    params(("token" = String, Path, description = "From the link in the notice")),
    responses((
        status = 200,
        description = "A page with one button",
        content_type = "text/html",
        body = String
    )),
    extensions(("x-codes" = json!(["not_found"]))),
)]
async fn page(accounts: Accounts, reader: Reader, PathName(token): PathName) -> Response {
    reader.answer(accounts.check_undo_link(&token).await.map(|_| Page::UndoQuestion))
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(page))
}
