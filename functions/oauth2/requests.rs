//! Requests of apps that are read as parameters, like those of `GET /oauth2/authorize`, but with the
//! app's own authentication.

use shared::{
    apps::{App, Apps},
    authorization::Parameters,
    base::Error,
    http::Credentials,
};

/// The parameters of a form, and the app that sent it: the one of its `credentials`, else the one that
/// its `client_id` and `client_secret` name, else the default app.
///
/// # Errors
/// As [`Credentials::or_form`] and [`Apps::identify`]; [`Error::InvalidRequest`] for a client that is
/// named twice.
pub(super) async fn read(
    apps: &Apps,
    credentials: Credentials,
    form: &[u8],
) -> Result<(Parameters, App), Error> {
    let parameters = Parameters::read(form);
    for name in ["client_id", "client_secret"] {
        if parameters.is_repeated(name) {
            return Err(Error::field(name, "must be sent once"));
        }
    }
    let sent = |name| parameters.get(name).map(str::to_owned);
    let claimed = credentials.or_form(sent("client_id"), sent("client_secret"))?;
    let app = apps.identify(claimed.client_id.as_deref(), claimed.credentials.as_ref()).await?;
    Ok((parameters, app))
}
