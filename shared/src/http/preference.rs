//! Headers in which a client lists what it prefers, with weights.

use http::{HeaderMap, HeaderName};

/// The items of a header that lists them with weights, like `Accept-Encoding` and
/// `Accept-Language`, with the most preferred first. Items whose weight is 0 or cannot be read are
/// left out (RFC 9110 §12.4.2).
pub fn preferences<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Vec<&'a str> {
    let lists = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    let mut weighted: Vec<_> = lists
        .flat_map(|list| list.split(','))
        .map(|item| {
            let (name, parameter) = item.split_once(';').unwrap_or((item, "q=1"));
            let weight = match parameter.split_once('=') {
                Some((q, weight)) if q.trim().eq_ignore_ascii_case("q") => {
                    weight.trim().parse().unwrap_or_default()
                }
                _ => 0.0,
            };
            (name.trim(), weight)
        })
        .filter(|(name, weight)| !name.is_empty() && *weight > 0.0)
        .collect();

    weighted.sort_by(|(_, a), (_, b)| f32::total_cmp(b, a));
    weighted.into_iter().map(|(name, _)| name).collect()
}

#[cfg(test)]
mod tests {
    use http::{HeaderValue, header::ACCEPT_LANGUAGE};

    use super::*;

    #[test]
    fn the_most_preferred_comes_first_and_refused_items_are_left_out() {
        let listed = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(ACCEPT_LANGUAGE, HeaderValue::from_static(value));
            }
            preferences(&headers, &ACCEPT_LANGUAGE).join(" ")
        };
        assert_eq!(listed(&["es-MX,es;q=0.9,en;q=0.8"]), "es-MX es en");
        assert_eq!(listed(&["en;q=0.1, hi ; Q = 0.5", "*;q=0.2,ar"]), "ar hi * en");
        assert_eq!(listed(&["a,b,c;q=1.0"]), "a b c");
        for none in [
            &[][..],
            &["", ",;,"],
            &["es;q=0", "es;Q=0.000"],
            &["es;q=x", "es;q=NaN", "es;q", "es;v=1"],
        ] {
            assert_eq!(listed(none), "", "{none:?}");
        }
    }
}
