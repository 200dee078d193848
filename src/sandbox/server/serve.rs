//! From HTTP to the routes and back, with the faults in between.

use std::convert::Infallible;
use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_LENGTH};
use axum::response::Response;
use futures::{StreamExt, stream};
use url::form_urlencoded;

use super::answer::{Answer, Asked};
use super::paging::step_back;
use super::route::route;
use super::shared::{LoggedRequest, Shared, Site};
use crate::api::request::Host;
use crate::sandbox::dice::mix;
use crate::sandbox::faults::Fault;

/// Largest body read, and requests remembered.
const LARGEST_BODY: usize = 1 << 20;
const LOGGED: usize = 100_000;

/// One server: what all share, and which it is.
#[derive(Debug, Clone)]
pub(super) struct HostState {
    pub shared: Arc<Shared>,
    pub site: Site,
}

/// Answers one HTTP request.
pub(super) async fn serve(State(state): State<HostState>, request: Request) -> Result<Response, Infallible> {
    let HostState { shared, site } = state;
    let query = request.uri().query().unwrap_or_default().to_owned();
    let asked = read(&shared, site, request, &query).await;
    let fault = shared.faults.lock().unwrap_or_else(PoisonError::into_inner).of(asked.number);
    if fault == Some(Fault::Slow) {
        tokio::time::sleep(shared.options.slow).await;
    }
    let logged = LoggedRequest {
        site,
        method: asked.method.clone(),
        path: asked.path.clone(),
        query,
        body: if site == Site::Api(Host::Token) { String::new() } else { asked.body.clone() },
        status: 0,
    };
    let id = request_id(&shared, asked.number);
    // Making a large page takes a while; it must not hold up other connections.
    let worker = Arc::clone(&shared);
    let made = tokio::task::spawn_blocking(move || answer(&worker, asked, fault)).await;
    let answer = made.unwrap_or(Answer::empty(500)).for_request(id);
    remember(&shared, LoggedRequest { status: answer.status, ..logged });
    Ok(respond(answer, fault))
}

async fn read(shared: &Shared, site: Site, request: Request, query: &str) -> Asked {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, LARGEST_BODY).await.unwrap_or_default();
    let authorization = head.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    Asked {
        site,
        method: head.method.as_str().to_owned(),
        path: head.uri.path().to_owned(),
        query: form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
        body: String::from_utf8_lossy(&body).into_owned(),
        authorization: authorization.map(str::to_owned),
        number: shared.count.fetch_add(1, Ordering::Relaxed),
    }
}

/// The answer, with every fault that is not a matter of bytes on the wire.
fn answer(shared: &Shared, mut asked: Asked, fault: Option<Fault>) -> Answer {
    if shared.options.requests_per_second.is_some_and(|most| !shared.pace.admits(most, Instant::now())) {
        return too_many(asked.number);
    }
    match fault {
        Some(Fault::TooManyRequests) => return too_many(asked.number),
        Some(Fault::InternalError) => return Answer::empty(500),
        Some(Fault::Unavailable) => return Answer::empty(503),
        Some(Fault::ExpireToken) => {
            shared.tokens.revoke(&asked);
        }
        Some(Fault::DuplicatePage) => asked = step_back(asked),
        _ => {}
    }
    let mut answer = route(shared, &asked);
    match fault {
        Some(Fault::Truncate) if answer.status == 200 => {
            answer.body.truncate(answer.body.len() * 2 / 3);
        }
        // The change is seen by the next page, not by this one.
        Some(Fault::Shift) => shared.changes.shift(&shared.merchant),
        _ => {}
    }
    answer
}

/// 429; every other one says when to come back.
fn too_many(number: u64) -> Answer {
    let mut answer = Answer::error(429, "request_invalid", "too_many_requests");
    if number.is_multiple_of(2) {
        answer.headers.push(("retry-after", "1".to_owned()));
    }
    answer
}

fn respond(answer: Answer, fault: Option<Fault>) -> Response {
    let mut response = Response::builder().status(answer.status);
    for (name, value) in &answer.headers {
        response = response.header(*name, value);
    }
    let body = if fault == Some(Fault::Cut) && answer.body.len() > 1 {
        response = response.header(CONTENT_LENGTH, answer.body.len());
        cut(answer.body)
    } else {
        Body::from(answer.body)
    };
    response.body(body).unwrap_or_default()
}

/// A body that breaks in the middle, after its first half is on the wire.
fn cut(mut body: Vec<u8>) -> Body {
    body.truncate(body.len() / 2);
    let breaks = async {
        tokio::time::sleep(Duration::from_millis(2)).await;
        Err(io::Error::from(io::ErrorKind::ConnectionReset))
    };
    Body::from_stream(stream::iter([Ok(body)]).chain(stream::once(breaks)))
}

fn request_id(shared: &Shared, number: u64) -> String {
    let (high, low) = (mix(shared.merchant.seed() ^ number), mix(number));
    format!(
        "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
        high >> 32,
        high >> 16 & 0xffff,
        high & 0xfff,
        low >> 52,
        low & 0xffff_ffff_ffff
    )
}

fn remember(shared: &Shared, request: LoggedRequest) {
    let mut log = shared.log.lock().unwrap_or_else(PoisonError::into_inner);
    if log.len() == LOGGED {
        log.pop_front();
    }
    log.push_back(request);
}
