//! `GET /v1/users`: lists the users.

use serde::Deserialize;
use shared::{
    accounts::UserView,
    administration::Users,
    apps::{DEFAULT_CLIENT_ID, is_client_id},
    audit::{Action, Recorder, user_subject},
    base::Error,
    challenges::Challenges,
    http::{Admin, CurrentHashKeys, Json, Page, PageQuery, Query, UsersRead},
    identifiers::ExternalId,
    latchkey::Latchkey,
    roles::role_name,
    users::{Metadata, User, UserFilter, UserStatus},
};
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

#[cfg(test)]
mod tests;

/// Selects the users, and the page. A user must meet all conditions.
#[derive(Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListUsersQuery {
    /// The name of a role, in any letter case: only users who have it in `app`, or in the default
    /// app if `app` is left out.
    role: Option<String>,
    /// The `client_id` of an app: only users who have a role in it. Their roles in this app are
    /// shown, instead of those in the default app.
    app: Option<String>,
    /// Only users with this status.
    status: Option<UserStatus>,
    /// Only the user with this phone number, in E.164 form. It cannot be combined with `email`.
    phone: Option<String>,
    /// Only the user with this e-mail address.
    email: Option<String>,
    /// Only the user with this id elsewhere. It cannot be combined with `phone` or `email`.
    external_id: Option<String>,
    /// The most items of the page, from 1 to 100. Default: 50.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<usize>,
    /// The `next_cursor` of the previous page. If it is left out, the first page is returned.
    cursor: Option<String>,
}

/// List the users
///
/// The oldest come first. With a condition, a page may have fewer items than `limit`, or none, and
/// still a `next_cursor`. The read is recorded in the audit trail.
#[utoipa::path(
    get,
    path = "/v1/users",
    operation_id = "users-list",
    tag = "Users",
    security(("access_token" = ["users:read"])),
    params(ListUsersQuery),
    responses((status = 200, description = "A page of users", body = Page<UserView>)),
    extensions(("x-codes" = json!([
        "invalid_request", "invalid_phone", "country_not_allowed", "invalid_email"
    ]))),
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
        is_client_id(&app).then_some(app).ok_or_else(|| {
            Error::field(
                "app",
                "must be a letter or digit, followed by up to 63 letters, digits, '.', '_' or '-'",
            )
        })
    });
    let app = app.transpose()?;
    let client_id = app.clone().unwrap_or_else(|| DEFAULT_CLIENT_ID.to_owned());
    // The filter needs the role's own spelling; the request may use any letter case.
    let role = match query.role {
        Some(name) if role_name(&name).is_none() => {
            return Err(Error::field(
                "role",
                "must be a letter, then up to 63 letters, digits, '_' or '-'",
            ));
        }
        Some(name) => Some(users.role_name(name).await?),
        None => None,
    };

    let filter = UserFilter {
        role: role.map(|role| (role, vec![client_id.clone()])),
        client_id: app,
        status: query.status,
    };

    let (items, end, activity) = if let Some(external_id) = &query.external_id {
        if query.phone.is_some() || query.email.is_some() {
            return Err(Error::field("external_id", "must not be combined with phone or email"));
        }
        let user = users.with_external_id(&ExternalId::parse(external_id)?).await?;
        let target = user.as_ref().map_or_else(|| "users".to_owned(), |it| user_subject(it.id));
        let activity = admin.caller.activity(Action::UserLookup, target);
        (user.into_iter().filter(|user| filter.matches(user)).collect(), None, activity)
    } else if query.phone.is_some() || query.email.is_some() {
        let address = challenges.address(query.phone.as_deref(), query.email.as_deref())?;
        let user = users.with_address(&address).await?;
        let target = user.as_ref().map_or_else(|| address.masked(), |user| user_subject(user.id));
        let activity = admin.caller.activity(Action::UserLookup, target);
        (user.into_iter().filter(|user| filter.matches(user)).collect(), None, activity)
    } else {
        let (items, end) = users.list(&filter, after.as_deref(), limit).await?;
        (items, end, admin.caller.activity(Action::UsersList, "users".to_owned()))
    };
    recorder.record(activity).await?;

    let metadata = users.all_metadata(&items).await?;
    let view = |(user, metadata): (&User, Metadata)| {
        UserView::new(user, metadata, &client_id, users.avatar_urls())
    };
    let views = items.iter().zip(metadata).map(view).collect();
    Ok(Json(Page::new(views, &list, end.as_deref(), &keys)))
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(list))
}
