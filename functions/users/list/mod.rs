//! `GET /v1/users`: the users.

use serde::Deserialize;
use shared::{
    accounts::UserView,
    administration::Users,
    apps::{DEFAULT_CLIENT_ID, is_client_id},
    audit::{Action, Recorder},
    base::Error,
    challenges::Challenges,
    http::{Admin, CurrentHashKeys, Json, Page, PageQuery, Query, UsersRead},
    latchkey::Latchkey,
    roles::role_name,
    users::{User, UserFilter, UserStatus},
};
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

#[cfg(test)]
mod tests;

/// Which users. Several conditions hold together.
#[derive(Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListUsersQuery {
    /// Those who have this role, in `app` or, without it, in the default app.
    role: Option<String>,
    /// Those who have a role in this app; their roles are shown as they are in it.
    app: Option<String>,
    status: Option<UserStatus>,
    /// The one who has this phone, E.164.
    phone: Option<String>,
    /// The one who has this e-mail address.
    email: Option<String>,
    /// Items of a page; 50 where it is not given.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<usize>,
    /// Where the page before ended: its `next_cursor`.
    cursor: Option<String>,
}

/// The users, oldest first.
///
/// With a filter a page may hold fewer than `limit`, or none, and still have a `next_cursor` to go on from.
#[utoipa::path(
    get,
    path = "/v1/users",
    operation_id = "users-list",
    tag = "Users",
    security(("access_token" = ["users:read"])),
    params(ListUsersQuery),
    responses((status = 200, description = "A page of users", body = Page<UserView>)),
    extensions(("x-codes" = json!(["invalid_request", "invalid_phone", "country_not_allowed", "invalid_email"]))),
)]
async fn list(
    admin: Admin<UsersRead>,
    users: Users,
    recorder: Recorder,
    challenges: Challenges,
    CurrentHashKeys(keys): CurrentHashKeys,
    Query(query): Query<ListUsersQuery>,
) -> Result<Json<Page<UserView>>, Error> {
    let list = format!("users {:?} {:?} {:?}", query.role, query.app, query.status);
    let page = PageQuery::new(query.limit, query.cursor);
    let (limit, after) = (page.limit()?, page.after(&list, &keys)?);
    let app = query.app.map(|app| {
        is_client_id(&app).then_some(app).ok_or_else(|| Error::field("app", "is no client id"))
    });
    let app = app.transpose()?;
    let client_id = app.clone().unwrap_or_else(|| DEFAULT_CLIENT_ID.to_owned());
    // As it is written: case does not matter in a role's name.
    let role = match query.role {
        Some(name) if role_name(&name).is_none() => {
            return Err(Error::field("role", "is no role's name"));
        }
        Some(name) => Some(users.role_name(name).await?),
        None => None,
    };
    let filter = UserFilter {
        role: role.map(|role| (role, vec![client_id.clone()])),
        client_id: app,
        status: query.status,
    };
    let (items, end) = if query.phone.is_some() || query.email.is_some() {
        let address = challenges.address(query.phone.as_deref(), query.email.as_deref())?;
        let user = users.with_address(&address).await?;
        (user.into_iter().filter(|user| filter.matches(user)).collect(), None)
    } else {
        users.list(&filter, after.as_deref(), limit).await?
    };
    recorder.record(admin.caller.activity(Action::UsersList, "users".to_owned())).await?;
    let views = items
        .iter()
        .map(|user: &User| UserView::new(user, &client_id, users.avatar_urls()))
        .collect();
    Ok(Json(Page::new(views, &list, end.as_deref(), &keys)))
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(list))
}
