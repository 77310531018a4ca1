//! Forms that several settings have: lists, dates, origins, pages.

use jiff::{Timestamp, civil::Date, tz::TimeZone};

pub(crate) fn list(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty())
}

/// When a date or an RFC 3339 time begins, and when it is past: a date means through that day (UTC).
pub(crate) fn date_or_time(text: &str) -> Option<(Timestamp, Timestamp)> {
    text.parse().map(|time| (time, time)).ok().or_else(|| {
        let day = text.parse::<Date>().ok()?;
        let start = |day: Date| Some(day.to_zoned(TimeZone::UTC).ok()?.timestamp());
        Some((start(day)?, start(day.tomorrow().ok()?)?))
    })
}

/// An origin (RFC 6454 §6.2): scheme and authority alone. Plain http is for loopback.
pub fn origin(text: &str) -> Option<String> {
    let text = text.strip_suffix('/').unwrap_or(text);
    let uri = text.parse::<http::Uri>().ok()?;
    let host = uri.host()?;
    let loopback = matches!(host, "localhost" | "127.0.0.1" | "[::1]");
    let scheme = uri.scheme_str()?;
    let authority = uri.authority()?.as_str();
    let whole = format!("{scheme}://{authority}");
    // A URI's host may hold commas and more; a name that browsers reach does not.
    let is_name =
        loopback || host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte));
    let is_port = authority == host || uri.port_u16().is_some();
    (scheme == "https" || scheme == "http" && loopback)
        .then_some(whole)
        .filter(|whole| whole == text && !authority.contains('@') && is_name && is_port)
}

/// A page of an origin, without a fragment.
pub(crate) fn page_url(text: &str) -> Option<String> {
    let uri = text.parse::<http::Uri>().ok()?;
    let origin = origin(&format!("{}://{}", uri.scheme_str()?, uri.authority()?))?;
    (text.starts_with(&origin) && !text.contains('#')).then(|| text.to_owned())
}

/// A folder of an origin, without the slash at its end.
pub(crate) fn base_url(text: &str) -> Option<String> {
    let text = text.strip_suffix('/').unwrap_or(text);
    page_url(text).filter(|url| !url.contains('?'))
}

/// The host of an origin.
pub fn host(origin: &str) -> Option<&str> {
    origin.split_once("://").map(|(_, authority)| authority.split(':').next().unwrap_or(authority))
}
