//! `latchkey login`, `logout` and `whoami`. A sign-in goes by a page in a browser (RFC 8628), so neither
//! passwords nor codes are typed into the command.

use std::{
    env,
    io::{self, IsTerminal as _},
    process::{Command, Stdio},
    time::Duration,
};

use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::{
    api::{Api, Call},
    failure::{Failure, Problem},
    output::{Format, shown},
    users::USER,
};

/// The grant of devices.
const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";
/// The seconds between two polls if the service names none, and by which they become longer if it asks
/// for that (RFC 8628 §3.5).
const POLL_SECONDS: u64 = 5;

/// Signs in with a page, which is opened in a browser if `opens` and there is one.
pub(crate) async fn login(api: &Api, opens: bool, format: Format) -> Result<(), Failure> {
    let tokens = allowed(api, opens, None).await?;
    api.sign_in(&tokens)?;
    let user = api.ask_now(&Call::get("/v1/me")).await?;
    match format {
        Format::Json => format.print_one(&user, USER),
        Format::Text => {
            let name =
                if user.get("phone").is_some_and(Value::is_string) { "phone" } else { "email" };
            api.note(&format!("Signed in to {} as {}.", api.url(), shown(&user, name)));
            Ok(())
        }
    }
}

/// Signs the same person in again, because an operation needs a fresh sign-in. Returns whether that
/// was wanted.
pub(crate) async fn again(api: &Api) -> Result<bool, Failure> {
    let me = api.ask_now(&Call::get("/v1/me")).await?;
    let answer = ask(api, "This needs a fresh sign-in. Sign in again? [y/N]:")?;
    if !matches!(answer.as_deref(), Some("y" | "Y" | "yes")) {
        return Ok(false);
    }

    let tokens = allowed(api, true, Some("0")).await?;
    let session = crate::api::session_of(&tokens)?;
    let now = api.ask_with(&Call::get("/v1/me"), &session.access_token).await?;
    if now.get("id") != me.get("id") {
        return Err(Failure::NotSignedIn(
            "somebody else signed in on the page: nothing was changed".to_owned(),
        ));
    }
    api.sign_in(&tokens)?;
    Ok(true)
}

/// The tokens that a person allows on the page. `max_age` is the greatest age of their sign-in there,
/// in seconds.
async fn allowed(api: &Api, opens: bool, max_age: Option<&str>) -> Result<Value, Failure> {
    let begin = max_age.map(|max_age| ("max_age", max_age.to_owned())).into_iter().collect();
    let begun = api.ask_as_nobody(&Call::form("/oauth2/device_authorization", begin)).await?;
    let number = |name: &str| begun.get(name).and_then(Value::as_u64);
    let ends_at = Instant::now() + Duration::from_secs(number("expires_in").unwrap_or(600));
    let mut interval = number("interval").unwrap_or(POLL_SECONDS);

    let link = shown(&begun, "verification_uri_complete");
    api.note(&format!(
        "Open {link}\nand check that the page shows the code {}",
        shown(&begun, "user_code")
    ));
    if opens && let Some(mut browser) = browser(&link) {
        // Without a browser, the person opens the page.
        drop(browser.spawn());
    }

    let fields = [("grant_type", GRANT.to_owned()), ("device_code", shown(&begun, "device_code"))];
    let poll = Call::form("/oauth2/token", fields.into());
    while Instant::now() < ends_at {
        sleep(Duration::from_secs(interval)).await;
        match api.ask_as_nobody(&poll).await {
            Err(Failure::Refused(problem)) => match problem.code.as_str() {
                "authorization_pending" => {}
                "slow_down" => interval += POLL_SECONDS,
                "expired_token" => break,
                "access_denied" => {
                    return Err(Failure::NotSignedIn("the page says: denied".to_owned()));
                }
                // The service may come back (RFC 8628 §3.5), and the network.
                _ if problem.status >= 500 => interval += POLL_SECONDS,
                _ => return Err(Failure::Refused(problem)),
            },
            Err(Failure::Unavailable(_)) => interval += POLL_SECONDS,
            answer => return answer,
        }
    }
    Err(Failure::NotSignedIn("nobody allowed it in time: run the command again".to_owned()))
}

/// The command that opens `link`, if somebody sits at this machine and has a browser.
fn browser(link: &str) -> Option<Command> {
    let has = |name: &str| env::var_os(name).is_some_and(|value| !value.is_empty());
    let is_web = link.starts_with("https://") || link.starts_with("http://");
    if !is_web || !io::stderr().is_terminal() || has("SSH_CONNECTION") {
        return None;
    }
    let program = match env::consts::OS {
        "macos" => "open",
        _ if has("DISPLAY") || has("WAYLAND_DISPLAY") => "xdg-open",
        _ => return None,
    };
    let mut command = Command::new(program);
    command.arg(link).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    Some(command)
}

/// Asks for a line of input, typed or piped in. `None` if the line is empty or the input has ended.
pub(crate) fn ask(api: &Api, question: &str) -> Result<Option<String>, Failure> {
    api.note(question);
    let mut line = String::new();
    io::stdin()
        .read_line(&mut line)
        .map_err(|error| Failure::Machine(format!("cannot read the input: {error}")))?;
    let line = line.trim();
    Ok((!line.is_empty()).then(|| line.to_owned()))
}

/// Ends the session. The tokens here are deleted also if the service no longer accepts them.
pub(crate) async fn logout(api: &Api) -> Result<(), Failure> {
    match api.ask(&Call::with_body(Method::POST, "/v1/auth/logout", json!({}))).await {
        Ok(_) => {}
        Err(failure)
            if failure.problem().is_some_and(|problem: &Problem| problem.status == 401) => {}
        Err(failure) => return Err(failure),
    }
    api.forget()?;
    api.note(&format!("Signed out of {}.", api.url()));
    Ok(())
}

/// Shows who is signed in.
pub(crate) async fn whoami(api: &Api, format: Format) -> Result<(), Failure> {
    format.print_one(&api.ask(&Call::get("/v1/me")).await?, USER)
}
