//! The steps of the hosted page in which people set up a second factor.

use shared::{
    authorization::AuthorizationRequest,
    base::Error,
    messages::escape,
    second_factors::{SetUp, qr_svg},
    sessions::Browser,
    users::AuthenticationMethod,
};
use uuid::Uuid;

use super::{
    Text, Visit,
    html::{CONTINUE, button, late_input, link, paragraph},
};

/// Characters of a secret between two spaces.
const GROUP: usize = 4;

impl Visit {
    /// The question whether to set up a second factor: its title, and what its form has.
    pub(super) fn offer_second_factor(&self, app_name: &str) -> (String, String) {
        let why = self.say(Text::OfferSecondFactor, &[("app", app_name)]);
        (self.say(Text::SetUpSecondFactor, &[]), paragraph(&why) + &self.set_up_buttons())
    }

    /// The secret for an authenticator app, as a QR code, as a link for the device that shows the
    /// page, and for typing.
    ///
    /// # Errors
    /// [`Error::TokenInvalid`] if the set-up was not sealed for this user.
    pub(super) fn set_up(
        &self,
        user_id: Uuid,
        (app_name, account): (&str, &str),
        set_up: &str,
    ) -> Result<(String, String), Error> {
        let say = |text| self.say(text, &[]);
        let secret = SetUp::open(set_up, user_id, &self.keys)?.secret;
        let uri = secret.otpauth_uri(app_name, account);
        let attributes =
            "autocomplete=\"one-time-code\" inputmode=\"numeric\" dir=\"ltr\" maxlength=\"20\"";
        let shown = paragraph(&say(Text::ScanQrCode))
            + &picture(&qr_svg(&uri)?, &say(Text::QrCode))
            + &link(&uri, &say(Text::OpenAuthenticator))
            + &paragraph(&say(Text::TypeKey))
            + &format!("<p class=\"key\" dir=\"ltr\">{}</p>\n", grouped(&secret.base32()))
            + &paragraph(&say(Text::EnterFirstCode));
        let inside = format!("<div>\n{shown}</div>\n")
            + &late_input("code", &say(Text::Code), "", attributes)
            + &self.set_up_buttons();
        Ok((say(Text::SetUpAuthenticator), inside))
    }

    /// The recovery codes.
    ///
    /// # Errors
    /// As [`Self::set_up`].
    pub(super) fn recovery_codes(
        &self,
        user_id: Uuid,
        set_up: &str,
    ) -> Result<(String, String), Error> {
        let say = |text| self.say(text, &[]);
        let codes = SetUp::open(set_up, user_id, &self.keys)?.recovery_codes;
        let items: String = codes.iter().map(|code| format!("<li>{}</li>", code.shown())).collect();
        let inside = paragraph(&say(Text::KeepRecoveryCodes))
            + &format!("<ul class=\"key\" dir=\"ltr\">{items}</ul>\n")
            + &button(CONTINUE, &say(Text::Continue), true);
        Ok((say(Text::RecoveryCodes), inside))
    }

    fn set_up_buttons(&self) -> String {
        button(CONTINUE, &self.say(Text::Continue, &[]), true)
            + &button("skip", &self.say(Text::Skip, &[]), false)
            + &button("cancel", &self.say(Text::Cancel, &[]), false)
    }
}

/// An SVG document as a part of the page, with a name for people who do not see it.
fn picture(document: &str, name: &str) -> String {
    let svg = document.find("<svg").and_then(|start| document.get(start + 4..));
    let (svg, name) = (svg.unwrap_or_default(), escape(name));
    format!("<p><svg role=\"img\" aria-label=\"{name}\"{svg}</p>\n")
}

/// A secret in groups, for typing.
fn grouped(secret: &str) -> String {
    let groups: Vec<_> = secret.as_bytes().chunks(GROUP).map(String::from_utf8_lossy).collect();
    groups.join(" ")
}

/// Whether the person has signed in to the browser with both factors.
pub(crate) fn has_both_factors(browser: &Browser) -> bool {
    browser.session.amr.contains(&AuthenticationMethod::Mfa)
}

/// Whether the app asks for both factors, and the person who is signed in has a second one that they
/// did not use.
pub(crate) fn owes_second_factor(request: &AuthorizationRequest, browser: &Browser) -> bool {
    request.multi_factor && browser.user.totp && !has_both_factors(browser)
}

/// Whether the app asks for both factors, and the person who is signed in has no second one.
pub(crate) fn lacks_second_factor(request: &AuthorizationRequest, browser: &Browser) -> bool {
    request.multi_factor && !browser.user.totp && !has_both_factors(browser)
}
