//! The server of the dashboard: loopback, read-only, each answer under a strict policy.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures::Stream;
use maud::html;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::door::{Caller, Decision, Door};
use super::pages::{Shown, Store, first, shown};
use crate::view::links::Links;
use crate::view::page::{Frame, page, policy};

/// How often a page that is open looks for changes.
const LOOK: Duration = Duration::from_secs(10);

struct Shared {
    door: Door,
    store: Store,
    stop: CancellationToken,
}

/// A running server.
pub(super) struct Served {
    /// The address with the token.
    pub address: String,
    /// Ends when the server does.
    pub task: tokio::task::JoinHandle<std::io::Result<()>>,
}

/// Serves on 127.0.0.1 until `stop`. Port 0 takes a free one.
///
/// # Errors
/// A sentence: the port is taken.
pub(super) async fn serve(port: u16, store: Store, stop: CancellationToken) -> Result<Served, String> {
    let wanted = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let listener = TcpListener::bind(wanted)
        .await
        .map_err(|error| format!("cannot listen on {wanted}: {error}; --port 0 takes a free port"))?;
    let bound = listener.local_addr().map_err(|error| error.to_string())?;
    let door = Door::new(bound.port())?;
    let address = door.address();
    let shared = Arc::new(Shared { door, store, stop: stop.clone() });
    let router = Router::new()
        .route("/", get(portfolio))
        .route("/changes", get(changes))
        .route("/{kind}/{namespace}/{name}", get(object))
        .fallback(|| async { message(StatusCode::NOT_FOUND, "There is no such page.") })
        .layer(from_fn_with_state(Arc::clone(&shared), guarded))
        .with_state(shared);
    let server = axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned());
    Ok(Served { address, task: tokio::spawn(server.into_future()) })
}

/// Lets in who may see the pages, and puts every answer under the policy.
async fn guarded(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let cookies: Vec<&str> = values(request.headers(), header::COOKIE).collect();
    let hosts: Vec<&str> = values(request.headers(), header::HOST).collect();
    let decision = shared.door.decide(&Caller {
        reads: matches!(*request.method(), Method::GET | Method::HEAD),
        // Two of them are none.
        host: if let [one] = hosts.as_slice() { Some(one) } else { None },
        path: request.uri().path(),
        query: request.uri().query(),
        cookies: &cookies,
    });
    let answer = match decision {
        Decision::In => next.run(request).await,
        Decision::Welcome => welcome(&shared.door),
        Decision::WrongHost => message(StatusCode::MISDIRECTED_REQUEST, "This is not the name of this server."),
        Decision::NotReading => {
            message(StatusCode::METHOD_NOT_ALLOWED, "Pages can be read, and nothing can be changed.")
        }
        Decision::Stranger => message(
            StatusCode::FORBIDDEN,
            "Open the address that kubectl bpo dashboard printed, with its token, in this browser.",
        ),
    };
    hardened(answer)
}

fn values(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok())
}

/// What every answer carries in addition to its own policy.
fn hardened(mut answer: Response) -> Response {
    let headers = answer.headers_mut();
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static("default-src 'none'"));
    answer
}

/// The cookie, and the way on. A page and no redirect: browsers send the cookie only to what the page itself leads to.
fn welcome(door: &Door) -> Response {
    let way = html! {
        (maud::DOCTYPE)
        html lang="en-GB" {
            head { meta charset="utf-8"; title { "Dashboard" } meta http-equiv="refresh" content="0; url=/"; }
            body { p { a href="/" { "To the dashboard" } } }
        }
    };
    let mut answer = html_answer(StatusCode::OK, way.into_string());
    if let Ok(cookie) = HeaderValue::from_str(&door.cookie()) {
        answer.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    answer
}

/// A page with one sentence.
fn message(status: StatusCode, sentence: &str) -> Response {
    let frame = Frame {
        title: "Dashboard".to_owned(),
        crumbs: Vec::new(),
        as_of: String::new(),
        running_foot: String::new(),
        links: Links::None,
    };
    let main = html! { header.opening { div { h1 { (sentence) } p.lede { a href="/" { "Portfolio" } } } } };
    html_answer(status, page(&frame, &main).into_string())
}

/// HTML under the policy of its own style sheet, which is the first element of that name: text of people cannot be an element.
fn html_answer(status: StatusCode, page: String) -> Response {
    let style =
        page.split_once("<style>").and_then(|(_, rest)| Some(rest.split_once("</style>")?.0)).unwrap_or_default();
    let policy = format!("{}; frame-ancestors 'none'", policy(style, page.contains("<script>")));
    let mut answer = (status, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], page).into_response();
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        answer.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    answer
}

async fn portfolio(State(shared): State<Arc<Shared>>) -> Response {
    match shared.store.fresh().await {
        Ok(found) => html_answer(StatusCode::OK, first(&found, shared.store.now(), Links::Dashboard)),
        Err(error) => message(StatusCode::BAD_GATEWAY, &error),
    }
}

async fn object(
    State(shared): State<Arc<Shared>>,
    Path((kind, namespace, name)): Path<(String, String, String)>,
) -> Response {
    let found = match shared.store.fresh().await {
        Ok(found) => found,
        Err(error) => return message(StatusCode::BAD_GATEWAY, &error),
    };
    match shown(&found, shared.store.now(), Links::Dashboard, [&kind, &namespace, &name]) {
        None => message(StatusCode::NOT_FOUND, "There is no such page."),
        Some(Shown::Page(page)) => html_answer(StatusCode::OK, page),
        Some(Shown::Workbook(file, bytes)) => {
            kept("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", &file, bytes)
        }
        Some(Shown::Calendar(file, text)) => kept("text/calendar; charset=utf-8", &file, text.into_bytes()),
    }
}

/// A file that the browser keeps under a name.
fn kept(kind: &'static str, file: &str, bytes: Vec<u8>) -> Response {
    let disposition = format!("attachment; filename=\"{file}\"");
    ([(header::CONTENT_TYPE, kind.to_owned()), (header::CONTENT_DISPOSITION, disposition)], bytes).into_response()
}

/// An event whenever the objects are others than before, for as long as a page is open.
async fn changes(State(shared): State<Arc<Shared>>) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let before = shared.store.fresh().await.ok();
    let events = futures::stream::unfold((shared, before), |(shared, before)| async move {
        loop {
            tokio::select! {
                () = shared.stop.cancelled() => return None,
                () = tokio::time::sleep(LOOK) => {}
            }
            // A cluster that does not answer now may do so later; the page stays as it is.
            let Ok(now) = shared.store.fresh().await else { continue };
            if !before.as_ref().is_some_and(|before| Arc::ptr_eq(before, &now)) {
                return Some((Ok(Event::default().data("changed")), (shared, Some(now))));
            }
        }
    });
    Sse::new(events).keep_alive(KeepAlive::default())
}
