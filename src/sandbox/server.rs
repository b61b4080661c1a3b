//! The sandbox's HTTP side: the read endpoints of the API as far as they are known.
//!
//! `GET /sandbox/dump`, `GET /sandbox/stats`, `POST /sandbox/day?days=N`, `POST /sandbox/edit` and `POST /sandbox/status` are
//! its own: every record as served, what the gateway counted, letting days pass, changing a record (under the usual names,
//! whatever names are served), and the status that a list answers with. They ask for the key and are not counted.

use std::{
    collections::HashMap,
    convert::Infallible,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    Router,
    body::Bytes,
    extract::{Path, Query, State},
    http::{StatusCode, header::CONTENT_TYPE},
    middleware,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tower::ServiceExt as _;
use tower_http::compression::CompressionLayer;

use super::{
    Options, PastEnd, TotalTold,
    gateway::{self, CloseConnection, Gateway, error},
    generate::Crm,
};
use crate::catalog;

/// Rows on a page when the request does not say.
const DEFAULT_SIZE: usize = 20;
/// The most rows on a page.
const MAX_SIZE: usize = 1_000;
/// The most days that pass at once.
const MAX_DAYS: u32 = 1_000;

/// What all requests share.
#[derive(Clone, Debug)]
pub(super) struct Shared {
    crm: Arc<Mutex<Crm>>,
    options: Arc<Options>,
    gateway: Arc<Gateway>,
    /// The status of each list that does not answer as it should.
    down: Arc<Mutex<HashMap<String, StatusCode>>>,
}

impl Shared {
    pub(super) fn new(crm: Crm, options: Options) -> Self {
        let gateway = Arc::new(Gateway::new(&options));
        let failing = options.down.iter().map(|list| (list.clone(), StatusCode::INTERNAL_SERVER_ERROR));
        let down = Arc::new(Mutex::new(failing.collect()));
        Self { crm: Arc::new(Mutex::new(crm)), options: Arc::new(options), gateway, down }
    }

    pub(super) fn crm(&self) -> MutexGuard<'_, Crm> {
        self.crm.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn down(&self) -> MutexGuard<'_, HashMap<String, StatusCode>> {
        self.down.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn options(&self) -> &Options {
        &self.options
    }

    pub(super) fn gateway(&self) -> &Gateway {
        &self.gateway
    }
}

/// Accepts connections for ever. One that a fault closes is closed without an answer, which a framework would not do.
pub(super) async fn serve(listener: TcpListener, shared: Shared) {
    let router = router(shared);
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let router = router.clone();
        tokio::spawn(async move {
            let service = hyper::service::service_fn(move |request: hyper::Request<Incoming>| {
                let router = router.clone();
                async move {
                    let response = router.oneshot(request).await.unwrap_or_else(|never: Infallible| match never {});
                    match response.extensions().get::<CloseConnection>() {
                        Some(_) => Err(io::Error::other("closed on request")),
                        None => Ok(response),
                    }
                }
            });
            // A connection that ends early is what some faults are for.
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

/// The routes, from the catalog's paths.
fn router(shared: Shared) -> Router {
    let mut router = Router::new()
        .route("/sandbox/dump", get(dump))
        .route("/sandbox/stats", get(stats))
        .route("/sandbox/day", post(day))
        .route("/sandbox/edit", post(edit))
        .route("/sandbox/status", post(status));
    for resource in catalog::RESOURCES {
        let name = resource.name;
        router = router.route(
            resource.list,
            get(move |state: State<Shared>, query: Query<HashMap<String, String>>| async move {
                list(&state, name, &query)
            }),
        );
        if let Some(path) = resource.one {
            router = router.route(
                &format!("{path}/{{id}}"),
                get(move |state: State<Shared>, Path(id): Path<String>| async move { one(&state, name, &id) }),
            );
        }
    }
    let gzip = shared.options().gzip;
    let router = router
        .fallback(|| async { error(StatusCode::NOT_FOUND, "Resource not found") })
        .layer(middleware::from_fn_with_state(shared.clone(), gateway::pass))
        .with_state(shared);
    if gzip { router.layer(CompressionLayer::new()) } else { router }
}

fn list(shared: &Shared, name: &str, query: &HashMap<String, String>) -> Response {
    let options = shared.options();
    let number = |key: &str, default: usize| match query.get(key).map(|text| text.parse::<usize>()) {
        None => Some(default),
        Some(Ok(number)) if number > 0 => Some(number),
        Some(_) => None,
    };
    let (Some(page), Some(size)) = (number("page", 1), number("size", DEFAULT_SIZE)) else {
        return error(StatusCode::BAD_REQUEST, "page and size must be positive numbers");
    };
    if let Some(status) = shared.down().get(name) {
        return error(*status, "The list is not available.");
    }
    let size = size.min(options.size_cap.unwrap_or(MAX_SIZE));
    let mut crm = shared.crm();
    if options.churn > 0.0 && shared.gateway().dice().chance(options.churn) {
        crm.churn(name, |end| shared.gateway().dice().below(end));
    }
    let rows = match rows(&crm, name) {
        Rows::Document(document) => return answer(&options.names.of(name, document)),
        Rows::List(rows) => rows,
    };
    let last = rows.len().div_ceil(size).max(1);
    let shown = match options.past_end {
        PastEnd::Missing if page > last => return error(StatusCode::NOT_FOUND, "Page not found"),
        PastEnd::Last => page.min(last),
        PastEnd::Empty | PastEnd::Missing => page,
    };
    let shown = rows.iter().skip((shown - 1).saturating_mul(size)).take(size);
    let items = shown.map(|row| options.names.of(name, row)).collect::<Vec<_>>();
    let total = match options.total {
        TotalTold::Right => Some(rows.len()),
        TotalTold::None => None,
        TotalTold::Off(by) => Some(rows.len().saturating_add_signed(by)),
    };
    answer(&envelope(&options.envelope, &json!(items), total))
}

/// The rows in the envelope asked for: `array`, or the name of the key that holds them.
fn envelope(key: &str, items: &Value, total: Option<usize>) -> Value {
    if key == "array" {
        return items.clone();
    }
    let mut envelope = json!({key: items});
    if let Some(total) = total {
        envelope["itemCount"] = total.into();
    }
    envelope
}

fn one(shared: &Shared, name: &str, id: &str) -> Response {
    let crm = shared.crm();
    match rows(&crm, name) {
        Rows::List(rows) => {
            rows.iter().find(|row| row["id"] == id).map(|row| answer(&shared.options().names.of(name, row)))
        }
        Rows::Document(_) => None,
    }
    .unwrap_or_else(|| error(StatusCode::NOT_FOUND, "Record not found"))
}

async fn dump(State(shared): State<Shared>) -> Response {
    let crm = shared.crm();
    let names = shared.options().names;
    let all = catalog::RESOURCES.iter().map(|resource| {
        let rows = match rows(&crm, resource.name) {
            Rows::List(rows) => rows.iter().map(|row| names.of(resource.name, row).into_owned()).collect(),
            Rows::Document(document) => names.of(resource.name, document).into_owned(),
        };
        (resource.name.to_owned(), rows)
    });
    answer(&Value::Object(all.collect()))
}

async fn stats(State(shared): State<Shared>) -> Response {
    answer(&shared.gateway().stats())
}

async fn day(State(shared): State<Shared>, Query(query): Query<HashMap<String, String>>) -> Response {
    let days = query.get("days").map_or(Some(1), |text| text.parse().ok());
    let Some(days) = days.filter(|days| (1..=MAX_DAYS).contains(days)) else {
        return error(StatusCode::BAD_REQUEST, &format!("days must be a number from 1 to {MAX_DAYS}"));
    };
    answer(&json!(shared.crm().pass_days(days)))
}

/// What `POST /sandbox/edit` asks for.
#[derive(serde::Deserialize)]
struct Edit {
    resource: String,
    id: String,
    /// The members to set in the record; null removes one.
    set: serde_json::Map<String, Value>,
}

async fn edit(State(shared): State<Shared>, body: Bytes) -> Response {
    let Ok(Edit { resource, id, set }) = serde_json::from_slice(&body) else {
        return error(StatusCode::BAD_REQUEST, "The body must be {\"resource\", \"id\", \"set\": {...}}.");
    };
    let mut crm = shared.crm();
    let record = crm.list_mut(&resource).and_then(|rows| rows.iter_mut().find(|row| row["id"] == id.as_str()));
    let Some(Value::Object(record)) = record else {
        return error(StatusCode::NOT_FOUND, "Record not found");
    };
    for (key, value) in set {
        match value {
            Value::Null => drop(record.shift_remove(&key)),
            value => drop(record.insert(key, value)),
        }
    }
    answer(&json!({"edited": id}))
}

async fn status(State(shared): State<Shared>, Query(query): Query<HashMap<String, String>>) -> Response {
    let (Some(list), Some(status)) = (query.get("list"), query.get("status").and_then(|status| status.parse().ok()))
    else {
        return error(StatusCode::BAD_REQUEST, "list and status must be given");
    };
    match status {
        StatusCode::OK => shared.down().remove(list),
        status => shared.down().insert(list.clone(), status),
    };
    answer(&json!({"list": list, "status": status.as_u16()}))
}

enum Rows<'a> {
    List(&'a [Value]),
    Document(&'a Value),
}

fn rows<'a>(crm: &'a Crm, name: &str) -> Rows<'a> {
    let member = |prefix: &str| name.strip_prefix(prefix);
    if let Some(of) = member("form_fields_") {
        return crm
            .forms
            .iter()
            .find(|(form, _)| *form == of)
            .map_or(Rows::List(&[]), |(_, document)| Rows::Document(document));
    }
    if let Some(of) = member("tags_") {
        return Rows::List(crm.tags.iter().find(|(tags, _)| *tags == of).map_or(&[], |(_, tags)| tags));
    }
    Rows::List(match name {
        "leads" => &crm.leads,
        "opportunities" => &crm.opportunities,
        "contacts" => &crm.contacts,
        "organizations" => &crm.organizations,
        "pipelines" => &crm.pipelines,
        _ => &[],
    })
}

fn answer(value: &Value) -> Response {
    ([(CONTENT_TYPE, "application/json")], value.to_string()).into_response()
}
