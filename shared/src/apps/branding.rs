//! The look of the hosted sign-in page for the people of an app, and how they can sign in there.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::base::Error;

/// The most characters of an address.
const MAX_ADDRESS_CHARS: usize = 512;

/// A way to sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SignInMethod {
    /// A code by text: `POST /v1/otp/send` with `phone`.
    PhoneCode,
    /// A code by e-mail: `POST /v1/otp/send` with `email`.
    EmailCode,
    /// A password: `POST /v1/auth/login`.
    Password,
}

/// The pages of an app's operator. `null`: there is none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Links {
    /// The terms of service.
    #[schema(example = "https://shop.example.com/terms")]
    pub terms: Option<String>,
    /// The privacy policy.
    #[schema(example = "https://shop.example.com/privacy")]
    pub privacy: Option<String>,
    /// Where people get help.
    #[schema(example = "https://shop.example.com/help")]
    pub support: Option<String>,
}

impl Links {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// The look of the page, as the store keeps it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Branding {
    /// The address of the app's logo.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logo: Option<String>,
    /// The colour of the main button, as `#rrggbb` in lower case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accent: Option<String>,
    /// The pages of the app's operator.
    #[serde(default, skip_serializing_if = "Links::is_empty")]
    pub links: Links,
    /// How people can sign in. `None`: in every way that the deployment has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sign_in_methods: Option<BTreeSet<SignInMethod>>,
}

/// A change of [`Branding`]: `None` leaves a field as it is, `Some(None)` clears it.
#[derive(Clone, Debug, Default)]
pub struct BrandingChange {
    /// The address of the app's logo.
    pub logo: Option<Option<String>>,
    /// The colour of the main button.
    pub accent: Option<Option<String>>,
    /// The pages of the app's operator.
    pub links: Option<Links>,
    /// How people can sign in.
    pub sign_in_methods: Option<Option<BTreeSet<SignInMethod>>>,
}

impl Branding {
    /// Whether people can sign in in this way.
    pub fn offers(&self, method: SignInMethod) -> bool {
        self.sign_in_methods.as_ref().is_none_or(|methods| methods.contains(&method))
    }

    /// The colour of a text on the accent: black or white, of which one always has the contrast
    /// that WCAG 2.2 asks for (4.5 to 1).
    pub fn text_on_accent(&self) -> &'static str {
        let luminance = self.accent.as_deref().map_or(0.0, luminance);
        let (with_white, with_black) = (1.05 / (luminance + 0.05), (luminance + 0.05) / 0.05);
        if with_white >= with_black { "#fff" } else { "#000" }
    }

    /// Changes the fields that `change` names.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] for an address or a colour of another form, or no way to sign in.
    pub(super) fn apply(&mut self, change: BrandingChange) -> Result<(), Error> {
        if let Some(logo) = change.logo {
            self.logo = logo.map(|logo| address("logo", "logo.png", logo)).transpose()?;
        }
        if let Some(accent) = change.accent {
            self.accent = accent.map(colour).transpose()?;
        }
        if let Some(Links { terms, privacy, support }) = change.links {
            let link = |name: &str, link: Option<String>| {
                link.map(|link| address(&format!("links.{name}"), name, link)).transpose()
            };
            self.links = Links {
                terms: link("terms", terms)?,
                privacy: link("privacy", privacy)?,
                support: link("support", support)?,
            };
        }
        if let Some(methods) = change.sign_in_methods {
            if methods.as_ref().is_some_and(BTreeSet::is_empty) {
                return Err(Error::field("sign_in_methods", "must have one or more"));
            }
            self.sign_in_methods = methods;
        }
        Ok(())
    }
}

/// An https address, byte for byte as it was written. It can stand in a Content Security Policy, so
/// it has no space, `;` or `,`. `page` is the last part of the example in a refusal.
fn address(field: &str, page: &str, address: String) -> Result<String, Error> {
    let is_plain = (1..=MAX_ADDRESS_CHARS).contains(&address.len())
        && address
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !b"#*\\\"'<>^`{|};,@".contains(&byte));
    let is_https = address.starts_with("https://") && crate::base::page_url(&address).is_some();
    if is_plain && is_https {
        return Ok(address);
    }
    let example = format!("https://shop.example.com/{page}");
    let text = format!("must be an https address like {example}, without a user or a fragment");
    Err(Error::field(field, text))
}

fn colour(text: String) -> Result<String, Error> {
    let digits = text.strip_prefix('#').unwrap_or_default();
    if digits.len() == 6 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(text.to_ascii_lowercase());
    }
    Err(Error::field("accent", "must be a colour like #1d4ed8"))
}

/// The relative luminance of a colour (WCAG 2.2).
fn luminance(colour: &str) -> f64 {
    let channel = |at: usize| {
        let digits = colour.get(at..at + 2).unwrap_or("00");
        let value = f64::from(u8::from_str_radix(digits, 16).unwrap_or(0)) / 255.0;
        if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_on_any_accent_can_be_read() {
        for accent in ["#000000", "#ffffff", "#1d4ed8", "#ffcc00", "#767676", "#ff0000", "#00aa55"]
        {
            let branding = Branding { accent: Some(accent.to_owned()), ..Branding::default() };
            let text = if branding.text_on_accent() == "#fff" { 1.0 } else { 0.0 };
            let (low, high) =
                (luminance(accent).min(text) + 0.05, luminance(accent).max(text) + 0.05);
            assert!(high / low >= 4.5, "{accent}: {}", high / low);
        }
    }

    #[test]
    fn only_a_plain_https_address_stands_on_the_page() {
        address("logo", "logo.png", "https://cdn.example.com/shop/logo.svg?v=2".to_owned())
            .unwrap();
        for refused in [
            "",
            "http://shop.example.com/logo.png",
            "data:image/png;base64,AAAA",
            "javascript:alert(1)",
            "//shop.example.com/logo.png",
            "https://ok@evil.example/logo.png",
            "https://shop.example.com/a b.png",
            "https://shop.example.com/;script-src *",
            "https://shop.example.com/a,b",
            "https://shop.example.com/'x",
            "https://*.example.com/logo.png",
            "https://",
        ] {
            assert!(address("logo", "logo.png", refused.to_owned()).is_err(), "{refused}");
        }
    }

    #[test]
    fn a_colour_has_six_digits() {
        assert_eq!(colour("#1D4ED8".to_owned()).unwrap(), "#1d4ed8");
        for refused in ["", "1d4ed8", "#fff", "red", "#1d4ed8;}", "#1d4eg8"] {
            assert!(colour(refused.to_owned()).is_err(), "{refused}");
        }
    }
}
