//! The configuration file as it is written: every table and field, each with its default.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use bytesize::ByteSize;
use serde::{Deserialize, Deserializer, de::Error as _};

/// `crmlake.toml`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct File {
    /// The warehouse file, relative to the configuration file.
    pub warehouse: Option<PathBuf>,
    /// The CRM instances; without any, the environment describes one.
    pub instance: Vec<InstanceTable>,
    /// How the API is asked.
    pub api: ApiTable,
    /// How sweeps prove themselves.
    pub sweep: SweepTable,
    /// When rows are deleted.
    pub deletes: DeletesTable,
    /// How records become tables.
    pub tables: TablesTable,
    /// What is kept out of the warehouse.
    pub privacy: PrivacyTable,
    /// Where the record has a canonical field, by resource and canonical name.
    pub fields: BTreeMap<String, BTreeMap<String, String>>,
    /// What the instance writes for a canonical value, by resource, canonical name and value.
    pub values: BTreeMap<String, BTreeMap<String, BTreeMap<String, Vec<String>>>>,
}

/// `[[instance]]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InstanceTable {
    /// What `_instance` says in every row.
    pub name: String,
    /// The API's base URL.
    pub base_url: String,
    /// The variable that holds the primary key.
    pub key_env: Option<String>,
    /// The variable that holds the secondary key.
    pub secondary_key_env: Option<String>,
    /// Whether plain http is allowed to a host that is not loopback.
    #[serde(default)]
    pub allow_http: bool,
}

/// `[api]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ApiTable {
    /// Rows asked for on a page.
    pub page_size: u32,
    /// Requests allowed in any window.
    pub requests: u32,
    /// The window.
    #[serde(deserialize_with = "duration")]
    pub window: Duration,
    /// Pages in flight per key.
    pub concurrency: usize,
    /// Time to establish a connection.
    #[serde(deserialize_with = "duration")]
    pub connect_timeout: Duration,
    /// Time for a whole request.
    #[serde(deserialize_with = "duration")]
    pub timeout: Duration,
    /// Time without a byte.
    #[serde(deserialize_with = "duration")]
    pub stall_timeout: Duration,
    /// Attempts for a page.
    pub max_attempts: u32,
    /// Time for a page, its retries and pauses included.
    #[serde(deserialize_with = "duration")]
    pub max_elapsed: Duration,
    /// The largest answer accepted, after decompression.
    pub max_response_bytes: ByteSize,
    /// Where the rows are in an answer, as a dotted path, when detection fails.
    pub items: Option<String>,
    /// Where the total is in an answer, as a dotted path, when detection fails.
    pub total: Option<String>,
}

impl Default for ApiTable {
    fn default() -> Self {
        Self {
            page_size: 1_000,
            requests: 100,
            window: Duration::from_mins(1),
            concurrency: 8,
            connect_timeout: Duration::from_secs(10),
            timeout: Duration::from_mins(1),
            stall_timeout: Duration::from_secs(15),
            max_attempts: 6,
            max_elapsed: Duration::from_mins(15),
            max_response_bytes: ByteSize::mib(64),
            items: None,
            total: None,
        }
    }
}

/// `[sweep]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SweepTable {
    /// The verdict to seek.
    pub proof: Proof,
    /// Passes before a sweep is given up as suspect.
    pub max_passes: u32,
    /// How old a stopped run's pages may be and still be used.
    #[serde(deserialize_with = "duration")]
    pub resume_within: Duration,
}

/// The verdict to seek.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Proof {
    /// One pass that the counts agree with.
    #[default]
    Counted,
    /// An ordered pass, all of it seen again.
    Proven,
}

impl Default for SweepTable {
    fn default() -> Self {
        Self { proof: Proof::Counted, max_passes: 3, resume_within: Duration::from_hours(6) }
    }
}

/// `[deletes]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DeletesTable {
    /// Missing rows asked for one by one; more need a proven sweep.
    pub confirm: usize,
    /// The largest share of a resource that one run may delete.
    pub max_share: f64,
}

impl Default for DeletesTable {
    fn default() -> Self {
        Self { confirm: 100, max_share: 0.2 }
    }
}

/// `[tables]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TablesTable {
    /// Levels of nested objects that become columns; deeper ones stay JSON.
    pub flatten_depth: usize,
}

impl Default for TablesTable {
    fn default() -> Self {
        Self { flatten_depth: 4 }
    }
}

/// `[privacy]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PrivacyTable {
    /// What never comes in.
    pub drop: Vec<String>,
    /// What comes in as a keyed hash only.
    pub hash: Vec<String>,
    /// The variable that holds the key of the hashes.
    pub key_env: String,
}

impl Default for PrivacyTable {
    fn default() -> Self {
        Self { drop: Vec::new(), hash: Vec::new(), key_env: super::env::PRIVACY_KEY.to_owned() }
    }
}

/// A duration written as `10s`, `5m` or `6h`.
fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse::<jiff::SignedDuration>()
        .ok()
        .and_then(|parsed| Duration::try_from(parsed).ok())
        .ok_or_else(|| D::Error::custom("expected a duration such as \"10s\", \"5m\" or \"6h\""))
}
