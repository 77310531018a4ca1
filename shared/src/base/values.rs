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

/// An origin (RFC 6454 §6.2): scheme and authority alone, https except for loopback. Returns it
/// without a slash at its end.
pub fn origin(text: &str) -> Option<String> {
    let text = text.strip_suffix('/').unwrap_or(text);
    let uri = text.parse::<http::Uri>().ok()?;
    let host = uri.host()?;
    let loopback = matches!(host, "localhost" | "127.0.0.1" | "[::1]");
    let scheme = uri.scheme_str()?;
    let authority = uri.authority()?.as_str();

    let whole = format!("{scheme}://{authority}");
    // A URI's host may have commas and more; a host name that browsers reach does not.
    let is_name =
        loopback || host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte));
    let is_port = authority == host || uri.port_u16().is_some();

    (scheme == "https" || scheme == "http" && loopback)
        .then_some(whole)
        .filter(|whole| whole == text && !authority.contains('@') && is_name && is_port)
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
