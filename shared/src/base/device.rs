//! The device that a request comes from.

use serde::{Deserialize, Serialize, Serializer};

/// Browsers: the product in a `User-Agent`, and its name. Browsers name others' products, too, so
/// the order matters.
const BROWSERS: [(&str, &str); 10] = [
    ("Edg/", "Edge"),
    ("EdgA/", "Edge"),
    ("EdgiOS/", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("FxiOS/", "Firefox"),
    ("Firefox/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Version/", "Safari"),
];
/// Operating systems and devices, in the same way.
const SYSTEMS: [(&str, &str); 7] = [
    ("(iPhone;", "iPhone"),
    ("(iPad;", "iPad"),
    ("Android", "Android"),
    ("CrOS", "ChromeOS"),
    ("(Windows", "Windows"),
    ("(Macintosh;", "macOS"),
    ("Linux", "Linux"),
];

/// The device that a request comes from, as API Gateway saw it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// The `User-Agent`, cut to 256 characters. A session keeps that of a browser as a short name.
    #[serde(
        rename = "u",
        default,
        skip_serializing_if = "Option::is_none",
        serialize_with = "shortened"
    )]
    pub user_agent: Option<String>,
    /// The source IP address.
    #[serde(rename = "i", default, skip_serializing_if = "Option::is_none")]
    pub ip: Option<String>,
    /// The id of the request; not stored with a session.
    #[serde(skip)]
    pub request_id: Option<String>,
}

/// Writes the short name of a browser, since each write of a user costs more the larger their
/// sessions are. Other clients keep their name.
#[expect(clippy::ref_option, reason = "serde's signature")]
fn shortened<S: Serializer>(user_agent: &Option<String>, serializer: S) -> Result<S::Ok, S::Error> {
    let short = user_agent.as_deref().and_then(browser_name);
    short.as_ref().or(user_agent.as_ref()).serialize(serializer)
}

/// The short name of a browser, such as `Chrome 126 on Android`.
fn browser_name(user_agent: &str) -> Option<String> {
    let user_agent = user_agent.strip_prefix("Mozilla/5.0 ")?;
    let (product, browser) = BROWSERS.iter().find(|(product, _)| user_agent.contains(product))?;
    let (_, system) = SYSTEMS.iter().find(|(mark, _)| user_agent.contains(mark))?;
    let (_, version) = user_agent.split_once(product)?;
    let major: String = version.chars().take_while(char::is_ascii_digit).take(4).collect();
    Some(format!("{browser} {major} on {system}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_get_short_names_and_other_clients_keep_theirs() {
        let shortened = |agent: &str| {
            let device = Device { user_agent: Some(agent.to_owned()), ..Device::default() };
            let stored = serde_json::to_value(device).unwrap();
            stored["u"].as_str().unwrap().to_owned()
        };
        for (agent, expected) in [
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
                 Chrome/126.0.0.0 Safari/537.36 Edg/126.0.2592.87",
                "Edge 126 on Windows",
            ),
            (
                "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) \
                 Chrome/127.0.0.0 Mobile Safari/537.36",
                "Chrome 127 on Android",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 \
                 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
                "Safari 17 on iPhone",
            ),
            (
                "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
                "Firefox 128 on Linux",
            ),
        ] {
            assert_eq!(shortened(agent), expected);
        }
        for other in ["MyApp/2.1 (iPhone; iOS 17)", "Mozilla/5.0 (compatible; Bot/1.0)", "浏览器"]
        {
            assert_eq!(shortened(other), other);
        }
    }
}
