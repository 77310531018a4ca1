//! `GET /undo/{token}`: the page that asks whether to undo the changes of an account.

use axum::{http::HeaderMap, response::Response};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::confirmation::{self, Page};
use shared::{accounts::Accounts, base::Error, http::PathName, latchkey::Latchkey};

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
async fn page(
    accounts: Accounts,
    request: HeaderMap,
    PathName(token): PathName,
) -> Result<Response, Error> {
    accounts.check_undo_link(&token).await?;
    confirmation::page(Page::UndoQuestion, &request)
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(page))
}
