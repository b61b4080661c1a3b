//! What a run would cost, from one page of each list.

use std::time::Duration;

use futures::future::join_all;

use super::{
    connect,
    crawl::{CrawlError, hints},
};
use crate::{
    api::Client,
    catalog::{Paging, Resource},
    config::{Instance, Proof, Settings},
    error::Error,
    pages::{envelope, sighting::sight},
};

/// What sweeping one list would take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forecast {
    /// The instance.
    pub instance: String,
    /// The list.
    pub resource: &'static Resource,
    /// Its rows, if page 1 tells a total; else those of page 1, and there may be more.
    pub rows: u64,
    /// Whether the total was told.
    pub is_total: bool,
    /// Its pages, of the size that the API really serves.
    pub pages: u64,
    /// Requests of a sweep that nothing disturbs.
    pub requests: u64,
}

/// Asks one page of each list. Lists that are not there are left out.
pub async fn forecast(
    settings: &Settings,
    instances: &[Instance],
    resources: &[&'static Resource],
) -> Result<Vec<Forecast>, Error> {
    let mut forecasts = Vec::new();
    for (instance, client) in instances.iter().zip(connect(settings, instances)?) {
        let asked = resources.iter().map(|resource| one(settings, instance, &client, resource));
        for found in join_all(asked).await {
            forecasts.extend(found?);
        }
    }
    Ok(forecasts)
}

/// The least time that the quota allows for so many requests.
pub fn least_time(settings: &Settings, requests: u64) -> Duration {
    let windows = requests.saturating_sub(1) / u64::from(settings.api.requests);
    settings.api.window.saturating_mul(u32::try_from(windows).unwrap_or(u32::MAX))
}

async fn one(
    settings: &Settings,
    instance: &Instance,
    client: &Client,
    resource: &'static Resource,
) -> Result<Option<Forecast>, CrawlError> {
    let name = resource.name;
    let api = &settings.api;
    let query = match resource.paging {
        Paging::Document => Vec::new(),
        Paging::Pages => vec![("page", "1".to_owned()), ("size", api.page_size.to_string())],
    };
    let answer = client.get(resource.list, &query).await;
    let answer = answer.map_err(|source| CrawlError::Api { resource: name, page: 1, source })?;
    let Some(body) = answer.body else {
        return if resource.optional {
            Ok(None)
        } else {
            Err(CrawlError::NoSuchList { resource: name, path: resource.list })
        };
    };
    let hints = hints(resource, api.items.as_deref(), api.total.as_deref());
    let opened = envelope::open(&body, &hints);
    let opened = opened.map_err(|source| CrawlError::NoList { resource: name, page: 1, source })?;
    let page = sight(opened.items, opened.total);
    let on_page = page.ids.len() as u64;
    let is_document = resource.paging == Paging::Document;
    let rows = if is_document { on_page } else { page.total.unwrap_or(on_page) };
    let pages = rows.div_ceil(on_page.max(1)).max(1);
    let passes = if settings.sweep.proof == Proof::Proven { 2 } else { 1 };
    let requests = match (is_document, page.total) {
        (true, _) => 1,
        (false, Some(0)) => passes,
        (false, Some(_)) => passes * (pages + 1),
        (false, None) => passes * (pages + 2 * u64::from(pages.ilog2()) + 4),
    };
    Ok(Some(Forecast {
        instance: instance.name.clone(),
        resource,
        rows,
        is_total: is_document || page.total.is_some(),
        pages,
        requests,
    }))
}
