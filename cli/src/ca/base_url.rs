//! An address that may be talked to: https, or http on this machine only.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use reqwest::Url;

/// The URL of a CA or an identity provider, without a slash at the end.
///
/// The text stays as it was given: it is also an issuer's name, which is compared character by
/// character.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUrl(String);

/// Why a text is no such address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotABaseUrl {
    /// It is no URL.
    #[error("this is no URL; one looks like `https://ca.example.com:8443`")]
    Malformed,
    /// It is neither https nor http.
    #[error("only https is talked")]
    Scheme,
    /// It is http to another machine: anybody on the way could read the tokens.
    #[error(
        "http is talked on this machine only, to `127.0.0.1`, `[::1]` or `localhost`; use https"
    )]
    PlainText,
    /// It has a user, a query or a fragment.
    #[error("an address has no user, query or fragment")]
    Parts,
}

impl BaseUrl {
    /// The text, as tokens name the issuer.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The address of `path`, which begins with a slash.
    #[must_use]
    pub fn join(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }
}

impl FromStr for BaseUrl {
    type Err = NotABaseUrl;

    fn from_str(text: &str) -> Result<Self, NotABaseUrl> {
        let text = text.trim_end_matches('/');
        let url = Url::parse(text).map_err(|_| NotABaseUrl::Malformed)?;
        check(&url)?;
        if url.query().is_some() {
            return Err(NotABaseUrl::Parts);
        }
        Ok(Self(text.to_owned()))
    }
}

/// Whether a URL may be talked to: https, or http on this machine; no user and no fragment in it.
///
/// # Errors
/// When it may not.
pub fn check(url: &Url) -> Result<(), NotABaseUrl> {
    let Some(host) = url.host_str() else {
        return Err(NotABaseUrl::Malformed);
    };
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return Err(NotABaseUrl::Parts);
    }
    match url.scheme() {
        "https" => Ok(()),
        "http" if is_loopback(host) => Ok(()),
        "http" => Err(NotABaseUrl::PlainText),
        _ => Err(NotABaseUrl::Scheme),
    }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_stays_on_this_machine() {
        for good in [
            "https://ca.example.com:8443",
            "https://ca.example.com/portreeve",
            "http://127.0.0.1:8080",
            "http://[::1]:8080",
            "http://localhost:1",
        ] {
            assert_eq!(good.parse::<BaseUrl>().unwrap().as_str(), good);
        }
        for (bad, why) in [
            ("ca.example.com", NotABaseUrl::Malformed),
            ("ftp://ca.example.com", NotABaseUrl::Scheme),
            ("http://ca.example.com", NotABaseUrl::PlainText),
            ("http://127.0.0.1.example.com", NotABaseUrl::PlainText),
            ("http://localhost.example.com", NotABaseUrl::PlainText),
            ("https://u:p@ca.example.com", NotABaseUrl::Parts),
            ("https://ca.example.com?a=b", NotABaseUrl::Parts),
            ("https://ca.example.com#f", NotABaseUrl::Parts),
        ] {
            assert_eq!(bad.parse::<BaseUrl>(), Err(why), "{bad}");
        }
    }

    #[test]
    fn a_slash_at_the_end_does_not_count() {
        let url: BaseUrl = "https://ca.example.com:8443/".parse().unwrap();
        assert_eq!(
            url.join("/v1/sessions"),
            "https://ca.example.com:8443/v1/sessions"
        );
    }
}
