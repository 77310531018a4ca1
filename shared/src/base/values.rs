//! Parsers that several settings share: lists, dates, origins, pages.

use jiff::{Timestamp, civil::Date, tz::TimeZone};

/// The items of a list separated by commas, without spaces around them.
pub(crate) fn list(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty())
}

/// The start and the end of a date or an RFC 3339 time. A date ends with its day (UTC); a time ends
/// as it starts.
pub(crate) fn date_or_time(text: &str) -> Option<(Timestamp, Timestamp)> {
    text.parse().map(|time| (time, time)).ok().or_else(|| {
        let day = text.parse::<Date>().ok()?;
        let start = |day: Date| Some(day.to_zoned(TimeZone::UTC).ok()?.timestamp());
        Some((start(day)?, start(day.tomorrow().ok()?)?))
    })
}

/// The schemes of pages that hybrid apps carry with them: Capacitor, Ionic, Tauri.
const WEB_VIEW_SCHEMES: [&str; 3] = ["capacitor", "ionic", "tauri"];

/// An origin of the web: scheme and authority alone, https except for loopback. Returns it as
/// browsers serialise it (RFC 6454 §6.2): in lower case, without the default port of its scheme, and
/// without a slash at its end.
pub fn origin(text: &str) -> Option<String> {
    let (scheme, host, port) = origin_parts(text)?;
    let is_loopback = matches!(host.as_str(), "localhost" | "127.0.0.1" | "[::1]")
        || host.ends_with(".localhost");
    if scheme != "https" && !(scheme == "http" && is_loopback) {
        return None;
    }
    let default_port = if scheme == "https" { 443 } else { 80 };
    Some(match port.filter(|port| *port != default_port) {
        Some(port) => format!("{scheme}://{host}:{port}"),
        None => format!("{scheme}://{host}"),
    })
}

/// The origin of a page that may call the API: an [`origin`] of the web, or one that the web view of
/// a hybrid app sends, like `capacitor://localhost`.
pub fn page_origin(text: &str) -> Option<String> {
    origin(text).or_else(|| {
        let (scheme, host, port) = origin_parts(text)?;
        (WEB_VIEW_SCHEMES.contains(&scheme.as_str()) && port.is_none())
            .then(|| format!("{scheme}://{host}"))
    })
}

/// The scheme, the host and the port of a text that has nothing else. A URI's host may have commas
/// and more; the host of a page does not.
fn origin_parts(text: &str) -> Option<(String, String, Option<u16>)> {
    let text = text.strip_suffix('/').unwrap_or(text).to_ascii_lowercase();
    let uri = text.parse::<http::Uri>().ok()?;
    let (scheme, host) = (uri.scheme_str()?, uri.host()?);
    let authority = uri.authority()?.as_str();

    let is_name = host == "[::1]"
        || host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte));
    let is_port = authority == host || uri.port_u16().is_some();
    let is_whole = format!("{scheme}://{authority}") == text && !authority.contains('@');
    (is_name && !host.is_empty() && is_port && is_whole)
        .then(|| (scheme.to_owned(), host.to_owned(), uri.port_u16()))
}

/// The URL of a page below an [`origin`], without a fragment.
pub(crate) fn page_url(text: &str) -> Option<String> {
    let uri = text.parse::<http::Uri>().ok()?;
    let origin = origin(&format!("{}://{}", uri.scheme_str()?, uri.authority()?))?;
    (text.starts_with(&origin) && !text.contains('#')).then(|| text.to_owned())
}

/// The URL of a folder below an [`origin`], without a query. Returns it without a slash at its end.
pub(crate) fn base_url(text: &str) -> Option<String> {
    let text = text.strip_suffix('/').unwrap_or(text);
    page_url(text).filter(|url| !url.contains('?'))
}

/// The host of an origin, without its port.
pub fn host(origin: &str) -> Option<&str> {
    origin.split_once("://").map(|(_, authority)| authority.split(':').next().unwrap_or(authority))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_kept_as_browsers_send_them() {
        for (written, sent) in [
            ("https://shop.example.com", "https://shop.example.com"),
            ("https://shop.example.com/", "https://shop.example.com"),
            ("HTTPS://Shop.Example.com", "https://shop.example.com"),
            ("https://shop.example.com:443", "https://shop.example.com"),
            ("https://shop.example.com:0443", "https://shop.example.com"),
            ("https://shop.example.com:8443", "https://shop.example.com:8443"),
            ("https://shop.example.com:80", "https://shop.example.com:80"),
            ("http://localhost:80", "http://localhost"),
            ("http://localhost:5173", "http://localhost:5173"),
            ("http://tauri.localhost", "http://tauri.localhost"),
            ("http://[::1]:3000", "http://[::1]:3000"),
            ("capacitor://localhost", "capacitor://localhost"),
            ("ionic://localhost", "ionic://localhost"),
            ("tauri://localhost", "tauri://localhost"),
        ] {
            assert_eq!(page_origin(written).as_deref(), Some(sent), "{written}");
            assert_eq!(page_origin(sent).as_deref(), Some(sent), "{written}");
        }
        for written in [
            "*",
            "null",
            "",
            "shop.example.com",
            "http://shop.example.com",
            "https://shop.example.com/path",
            "https://ann@shop.example.com",
            "https://shop.example.com:",
            "https://shop.example.com:x",
            "https://ex\u{e4}mple.com",
            "capacitor://localhost:80",
            "chrome-extension://abcdefgh",
            "file://",
        ] {
            assert_eq!(page_origin(written), None, "{written}");
        }
        assert_eq!(origin("capacitor://localhost"), None, "it is no origin of the web");
    }
}
