//! The sandbox's HTTP side: the read endpoints of the API as far as they are known, behind the gateway's key check.
//!
//! `GET /sandbox/dump` and `POST /sandbox/day` are its own: the first answers with every record as served, the second
//! lets a day pass. Both ask for the key too.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    Router,
    extract::{Path, Query, Request, State},
    http::{HeaderMap, StatusCode, header::CONTENT_TYPE},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::{Value, json};

use super::{Options, generate::Crm};
use crate::catalog;

const KEY_HEADER: &str = "ocp-apim-subscription-key";
/// Rows on a page when the request does not say.
const DEFAULT_SIZE: usize = 20;
/// The most rows on a page.
const MAX_SIZE: usize = 1_000;

#[derive(Clone, Debug)]
pub(super) struct Shared {
    crm: Arc<Mutex<Crm>>,
    options: Arc<Options>,
}

impl Shared {
    pub(super) fn new(crm: Crm, options: Options) -> Self {
        Self { crm: Arc::new(Mutex::new(crm)), options: Arc::new(options) }
    }

    pub(super) fn crm(&self) -> MutexGuard<'_, Crm> {
        self.crm.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The routes, from the catalog's paths.
pub(super) fn router(shared: Shared) -> Router {
    let mut router = Router::new().route("/sandbox/dump", get(dump)).route("/sandbox/day", post(day));
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
    router
        .fallback(|| async { error(StatusCode::NOT_FOUND, "Resource not found") })
        .layer(middleware::from_fn_with_state(shared.clone(), check_key))
        .with_state(shared)
}

/// The gateway's own check.
async fn check_key(State(shared): State<Shared>, headers: HeaderMap, request: Request, next: Next) -> Response {
    let Some(key) = headers.get(KEY_HEADER) else {
        return error(
            StatusCode::UNAUTHORIZED,
            "Access denied due to missing subscription key. Make sure to include subscription key when making requests to an API.",
        );
    };
    if !shared.options.keys.iter().any(|known| key.as_bytes() == known.expose().as_bytes()) {
        return error(
            StatusCode::UNAUTHORIZED,
            "Access denied due to invalid subscription key. Make sure to provide a valid key for an active subscription.",
        );
    }
    next.run(request).await
}

fn list(shared: &Shared, name: &str, query: &HashMap<String, String>) -> Response {
    let number = |key: &str, default: usize| match query.get(key).map(|text| text.parse::<usize>()) {
        None => Some(default),
        Some(Ok(number)) if number > 0 => Some(number),
        Some(_) => None,
    };
    let (Some(page), Some(size)) = (number("page", 1), number("size", DEFAULT_SIZE)) else {
        return error(StatusCode::BAD_REQUEST, "page and size must be positive numbers");
    };
    let size = size.min(shared.options.size_cap.unwrap_or(MAX_SIZE));
    let crm = shared.crm();
    let rows = match rows(&crm, name) {
        Rows::Document(document) => return answer(document),
        Rows::List(rows) => rows,
    };
    let items = rows.iter().skip((page - 1).saturating_mul(size)).take(size).collect::<Vec<_>>();
    answer(&if shared.options.no_total {
        json!({"items": items})
    } else {
        json!({"items": items, "itemCount": rows.len()})
    })
}

fn one(shared: &Shared, name: &str, id: &str) -> Response {
    let crm = shared.crm();
    match rows(&crm, name) {
        Rows::List(rows) => rows.iter().find(|row| row["id"] == id).map(answer),
        Rows::Document(_) => None,
    }
    .unwrap_or_else(|| error(StatusCode::NOT_FOUND, "Record not found"))
}

async fn dump(State(shared): State<Shared>) -> Response {
    let crm = shared.crm();
    let all = catalog::RESOURCES.iter().map(|resource| {
        let rows = match rows(&crm, resource.name) {
            Rows::List(rows) => json!(rows),
            Rows::Document(document) => document.clone(),
        };
        (resource.name.to_owned(), rows)
    });
    answer(&Value::Object(all.collect()))
}

async fn day(State(shared): State<Shared>) -> Response {
    let day = shared.crm().pass_a_day();
    answer(&json!({"moved": day.moved, "repriced": day.repriced, "created": day.created, "deleted": day.deleted}))
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

fn error(status: StatusCode, message: &str) -> Response {
    let body = json!({"statusCode": status.as_u16(), "message": message});
    (status, [(CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}
