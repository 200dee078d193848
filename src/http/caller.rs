//! Who asks, and from where: by a token or a password, and by no page of somebody else's.

use std::net::IpAddr;

use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, HOST, HeaderValue, ORIGIN, WWW_AUTHENTICATE};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::connection::Peer;
use super::problem::Problem;
use super::{DOOR, Server};
use crate::door::Admission;
use crate::engine::Caller;
use crate::secret::Secret;

/// What one may show, in the order that is liked.
const CHALLENGES: [&str; 2] = [r#"Bearer realm="ckosql""#, r#"Basic realm="ckosql", charset="UTF-8""#];

/// The one who asks, by name where one is asked for it.
///
/// # Errors
/// 403 for the page of another site, and 401 for one who does not show who it is.
pub(super) async fn admit(server: &Server, headers: &HeaderMap, peer: Peer) -> Result<Caller, Problem> {
    let admission = &server.options.admission;
    check_origin(admission, headers)?;
    let caller = |user| Caller { door: DOOR, user, address: peer.0 };
    let Admission::Passwords(roll) = admission else { return Ok(caller(None)) };
    let Some(shown) = headers.get(AUTHORIZATION) else { return Err(unknown("nobody is let in without a token or a password")) };
    let wrong = || unknown("the token or the password is wrong");
    let (scheme, rest) = shown.to_str().ok().and_then(|shown| shown.split_once(' ')).ok_or_else(wrong)?;
    let (rest, users) = (rest.trim(), roll.now());
    let (name, is_let_in) = match scheme.to_ascii_lowercase().as_str() {
        "bearer" => {
            let name = users.of_token(&Secret::new(rest));
            (name.map(str::to_owned), name.is_some())
        }
        "basic" => {
            let (name, password) = basic(rest).ok_or_else(wrong)?;
            (Some(name.clone()), users.is_password(name, password).await?)
        }
        _ => (None, false),
    };
    let caller = caller(name);
    if !is_let_in {
        server.engine.turn_away(&caller);
        return Err(wrong());
    }
    Ok(caller)
}

/// Name and password of `dXNlcjpwYXNz`.
fn basic(text: &str) -> Option<(String, Secret)> {
    let shown = String::from_utf8(BASE64.decode(text).ok()?).ok()?;
    let (name, password) = shown.split_once(':')?;
    Some((name.to_owned(), Secret::new(password)))
}

fn unknown(message: &str) -> Problem {
    let problem =
        Problem::new(401, message).hint("make a token with ckosql users token NAME, and send it as Authorization: Bearer TOKEN");
    CHALLENGES.iter().fold(problem, |problem, challenge| problem.header(WWW_AUTHENTICATE, HeaderValue::from_static(challenge)))
}

/// Refuses what a browser sends for the page of another site: it may come from within a network that the page is not in.
///
/// Where nobody is asked who it is, a name that its owner has pointed at this machine is none of ours either.
fn check_origin(admission: &Admission, headers: &HeaderMap) -> Result<(), Problem> {
    let text = |value: Option<&HeaderValue>| value.and_then(|value| value.to_str().ok()).unwrap_or_default().to_ascii_lowercase();
    let host = text(headers.get(HOST));
    if let Some(origin) = headers.get(ORIGIN) {
        let origin = text(Some(origin));
        if origin.split_once("://").is_none_or(|(_, origin)| origin != host) {
            return Err(Problem::new(403, "pages of other sites are not answered"));
        }
    }
    if matches!(admission, Admission::Anybody) && !is_this_machine(&host) {
        return Err(Problem::new(403, "this machine is asked by a name that is not its own")
            .hint("ask it as localhost or by its address, or let it ask for a token: leave out --trust"));
    }
    Ok(())
}

/// Whether this is `localhost` or an address, with a port or without.
fn is_this_machine(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let name = name.trim_start_matches('[').trim_end_matches(']');
    name == "localhost" || name.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    fn status(pairs: &[(&'static str, &str)]) -> Option<u16> {
        check_origin(&Admission::Anybody, &headers(pairs)).err().map(|problem| problem.status())
    }

    #[test]
    fn pages_of_other_sites_are_not_answered() {
        assert_eq!(status(&[("host", "127.0.0.1:8080")]), None);
        assert_eq!(status(&[("host", "localhost:8080"), ("origin", "http://localhost:8080")]), None);
        for origin in ["https://evil.example", "http://localhost:9090", "null", "http://localhost:8080.evil.example"] {
            assert_eq!(status(&[("host", "localhost:8080"), ("origin", origin)]), Some(403), "{origin}");
        }
    }

    #[test]
    fn where_nobody_is_asked_who_it_is_names_of_others_are_not_answered() {
        for own in ["localhost", "LOCALHOST:80", "127.0.0.1", "[::1]:8080", "[::1]"] {
            assert_eq!(status(&[("host", own)]), None, "{own}");
        }
        for other in ["evil.example", "evil.example:8080", "localhost.evil.example:1", ""] {
            assert_eq!(status(&[("host", other)]), Some(403), "{other}");
        }
    }
}
