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
    /// What money is converted to.
    pub currency: CurrencyTable,
    /// What owners and the team are to sell.
    pub quota: QuotaTable,
    /// What is checked.
    pub checks: ChecksTable,
    /// How reports are judged.
    pub reports: ReportsTable,
    /// What `crmlake run` does beside extracting and checking.
    pub run: RunTable,
    /// Who is told how a run went.
    pub notify: NotifyTable,
    /// Where the record has a canonical field, by resource and canonical name: a path, or several of which the first that
    /// has a value counts.
    pub fields: BTreeMap<String, BTreeMap<String, OneOrMany>>,
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

/// `[currency]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CurrencyTable {
    /// The currency that amounts are converted to; without it they stay in their own.
    pub base: Option<String>,
    /// The file of rates, relative to the configuration file.
    pub rates: Option<PathBuf>,
}

/// `[quota]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct QuotaTable {
    /// The file of quotas, relative to the configuration file.
    pub file: Option<PathBuf>,
}

/// `[checks]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ChecksTable {
    /// Checks that are left out.
    pub off: Vec<String>,
    /// Severities other than the checks' own.
    pub severity: BTreeMap<String, String>,
    /// Values of checks' parameters, by check and parameter.
    pub params: BTreeMap<String, BTreeMap<String, Scalar>>,
}

/// `[reports]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ReportsTable {
    /// The age from which data is called old.
    #[serde(deserialize_with = "duration")]
    pub max_age: Duration,
    /// Values of reports' parameters, where the command line has none.
    pub params: BTreeMap<String, Scalar>,
}

impl Default for ReportsTable {
    fn default() -> Self {
        Self { max_age: Duration::from_hours(36), params: BTreeMap::new() }
    }
}

/// `[run]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RunTable {
    /// The folder that reports are written to, relative to the configuration file.
    pub reports: Option<PathBuf>,
    /// Which reports; all where none is named.
    pub names: Vec<String>,
    /// Their formats.
    pub formats: Vec<String>,
    /// The folder of the dashboard.
    pub dashboard: Option<PathBuf>,
    /// The folder of the export.
    pub export: Option<PathBuf>,
    /// The export's format.
    pub export_format: Option<String>,
}

/// `[notify]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NotifyTable {
    /// A program and its arguments, which gets the run's outcome as JSON on its standard input.
    pub command: Vec<String>,
    /// When: after every run, or only after one that was not whole.
    pub when: Occasion,
}

/// When somebody is told.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Occasion {
    /// After a run that was not whole.
    #[default]
    Trouble,
    /// After every run.
    Always,
}

/// A text, or a list of texts.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "expected a text or a list of texts")]
pub enum OneOrMany {
    /// One.
    One(String),
    /// Several, in order.
    Many(Vec<String>),
}

impl OneOrMany {
    /// All of them.
    pub fn all(&self) -> &[String] {
        match self {
            Self::One(text) => std::slice::from_ref(text),
            Self::Many(texts) => texts,
        }
    }
}

/// A parameter's value: as text, whatever TOML's type.
#[derive(Clone, Debug)]
pub struct Scalar(pub String);

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match toml::Value::deserialize(deserializer)? {
            toml::Value::String(text) => Ok(Self(text)),
            toml::Value::Table(_) | toml::Value::Array(_) => {
                Err(D::Error::custom("expected a text, a number or a date"))
            }
            value => Ok(Self(value.to_string())),
        }
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
