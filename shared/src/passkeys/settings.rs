//! The settings of passkeys.

use crate::base::{Reader, Stage, host, list, origin};

/// The beginning of the origin of an Android app: the SHA-256 of the certificate that signs it follows.
const ANDROID: &str = "android:apk-key-hash:";
/// The characters of a SHA-256 in base64url.
const KEY_HASH_CHARS: usize = 43;
/// The longest domain, in characters (RFC 1035 §2.3.4).
const MAX_DOMAIN_CHARS: usize = 253;

/// The domain that passkeys are bound to, and who may ask for them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PasskeySettings {
    /// `PASSKEY_RP_ID`: the domain of the pages that ask for passkeys, or a parent of it. Without it
    /// there are no passkeys. If it changes, every passkey is lost.
    pub rp_id: Option<String>,
    /// `PASSKEY_ORIGINS`: pages of other domains, and Android apps, that may ask for passkeys, too.
    pub origins: Vec<String>,
    /// The Android apps in `PASSKEY_APPS`: package, and the SHA-256 of the certificate that signs it,
    /// in hex with colons.
    pub android_apps: Vec<(String, String)>,
    /// The apps of Apple's systems in `PASSKEY_APPS`: team and bundle.
    pub apple_apps: Vec<String>,
}

/// An entry of `PASSKEY_APPS`.
enum NativeApp {
    Android(String, String),
    Apple(String),
}

impl PasskeySettings {
    /// Reads the section.
    pub(crate) fn read(reader: &mut Reader<'_>) -> Self {
        let may_be_laptop = reader.stage != Stage::Prod;
        let apps: Vec<NativeApp> = reader.list(
            "PASSKEY_APPS",
            "apps separated by commas: team and bundle like ABCDE12345.com.example.app, or an \
             Android package and the hash of its certificate, like com.example.app=<43 characters>",
            |text| list(text).map(native_app).collect(),
        );
        let (mut android_apps, mut apple_apps) = (Vec::new(), Vec::new());
        for app in apps {
            match app {
                NativeApp::Android(package, fingerprint) => {
                    android_apps.push((package, fingerprint));
                }
                NativeApp::Apple(app) => apple_apps.push(app),
            }
        }
        Self {
            android_apps,
            apple_apps,
            rp_id: reader.optional(
                "PASSKEY_RP_ID",
                "the domain of your pages, like example.com, without a scheme and a port; not an \
                 IP address",
                |text| rp_id(text, may_be_laptop),
            ),
            origins: reader.list(
                "PASSKEY_ORIGINS",
                "origins separated by commas, like https://example.org or \
                 android:apk-key-hash:<43 characters>",
                |text| list(text).map(passkey_origin).collect(),
            ),
        }
    }

    /// The pages of other domains that may use passkeys of this one (WebAuthn Level 3 §5.11).
    pub fn related_origins(&self) -> impl Iterator<Item = &str> {
        self.origins.iter().map(String::as_str).filter(|origin| origin.starts_with("http"))
    }
}

/// Whether the host of an origin is the domain `rp_id` or below it.
pub(super) fn is_within(web_origin: &str, rp_id: &str) -> bool {
    host(web_origin).is_some_and(|host| {
        let parent = host.strip_suffix(rp_id);
        parent.is_some_and(|sub| sub.is_empty() || sub.ends_with('.'))
    })
}

/// A domain that can be an RP ID. Browsers refuse those below which anybody can have a domain.
fn rp_id(text: &str, may_be_laptop: bool) -> Option<String> {
    let labels: Vec<_> = text.split('.').collect();
    let is_label = |label: &&str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    // The last label of a domain is no number, that of an IP address is (WHATWG URL §3.5).
    let is_ip = labels.last().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()));
    let is_domain = labels.len() > 1 || (may_be_laptop && text == "localhost");
    let fits = text.len() <= MAX_DOMAIN_CHARS && labels.iter().all(is_label);
    (fits && is_domain && !is_ip).then(|| text.to_owned())
}

fn native_app(text: &str) -> Option<NativeApp> {
    let is_name = |name: &str| {
        let is_part = |part: &str| {
            let mut bytes = part.bytes();
            bytes.next().is_some_and(|first| first.is_ascii_alphanumeric())
                && bytes.all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
        };
        name.len() <= 255 && name.contains('.') && name.split('.').all(is_part)
    };
    if let Some((package, hash)) = text.split_once('=') {
        let bytes = key_hash(hash).filter(|_| is_name(package))?;
        let hex: Vec<_> = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
        return Some(NativeApp::Android(package.to_owned(), hex.join(":")));
    }
    let (team, bundle) = text.split_once('.')?;
    let is_team =
        team.len() == 10 && team.bytes().all(|it| it.is_ascii_uppercase() || it.is_ascii_digit());
    (is_team && is_name(bundle)).then(|| NativeApp::Apple(text.to_owned()))
}

/// A SHA-256 in base64url.
fn key_hash(text: &str) -> Option<Vec<u8>> {
    let hash = data_encoding::BASE64URL_NOPAD.decode(text.as_bytes()).ok();
    hash.filter(|_| text.len() == KEY_HASH_CHARS)
}

fn passkey_origin(text: &str) -> Option<String> {
    match text.strip_prefix(ANDROID) {
        Some(hash) => key_hash(hash).map(|_| text.to_owned()),
        None => origin(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_rp_id_is_a_domain() {
        for text in ["example.com", "id.example.com", "xn--bcher-kva.example", "a-1.co.uk"] {
            assert_eq!(rp_id(text, false).as_deref(), Some(text));
        }
        for text in [
            "",
            "com",
            "localhost",
            "Example.com",
            "https://example.com",
            "example.com:443",
            "example.com.",
            ".example.com",
            "-a.example.com",
            "127.0.0.1",
            "[::1]",
            "bücher.example",
            "a b.example",
        ] {
            assert_eq!(rp_id(text, false), None, "{text}");
        }
        assert_eq!(rp_id("localhost", true).as_deref(), Some("localhost"));
    }

    #[test]
    fn an_app_is_named_by_its_team_or_its_certificate() {
        let hash = "A".repeat(43);
        let android = native_app(&format!("com.example.app={hash}"));
        let fingerprint = ["00"; 32].join(":");
        assert!(matches!(
            android,
            Some(NativeApp::Android(package, hex)) if package == "com.example.app" && hex == fingerprint
        ));
        assert!(matches!(
            native_app("ABCDE12345.com.example.app"),
            Some(NativeApp::Apple(app)) if app == "ABCDE12345.com.example.app"
        ));
        for text in
            ["com.example.app", "ABCDE12345", "ABCDE12345.app", "com.example.app=AAAA", "a=b"]
        {
            assert!(native_app(text).is_none(), "{text}");
        }
    }

    #[test]
    fn only_whole_labels_are_within_a_domain() {
        for (origin, is_in) in [
            ("https://example.com", true),
            ("https://shop.example.com:8443", true),
            ("https://badexample.com", false),
            ("https://example.com.evil.org", false),
            ("https://example.co", false),
            ("android:apk-key-hash:example.com", false),
        ] {
            assert_eq!(is_within(origin, "example.com"), is_in, "{origin}");
        }
    }

    #[test]
    fn an_origin_is_of_a_page_or_of_an_android_app() {
        let app = format!("{ANDROID}{}", "A".repeat(43));
        for text in ["https://example.org", "http://localhost:3000", &app] {
            assert_eq!(passkey_origin(text).as_deref(), Some(text));
        }
        for text in ["example.org", "android:apk-key-hash:AAAA", "http://example.org", "ios:x"] {
            assert_eq!(passkey_origin(text), None, "{text}");
        }
    }
}
