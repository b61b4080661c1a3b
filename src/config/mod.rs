//! Settings, resolved once: flag over environment over file over default.
//!
//! Below this room nothing sees the command line, the environment or the configuration file.

pub mod destination;
pub mod env;
pub mod file;
pub mod money;

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use url::Url;

pub use self::file::Proof;
use self::{
    destination::{Destination, ParquetOverrides},
    env::Environment,
    file::{
        ApiTable, ChecksTable, DeletesTable, File, InstanceTable, NotifyTable, PrivacyTable, ReportsTable, RunTable,
        SweepTable, TablesTable,
    },
};
use crate::secret::Secret;

/// The file read when none is named.
pub const DEFAULT_FILE: &str = "crmlake.toml";
/// The warehouse written when none is named.
pub const DEFAULT_WAREHOUSE: &str = "crmlake.duckdb";
/// The name of the folder of working files.
const WORK_FOLDER: &str = ".crmlake";
/// What `_instance` says when the environment describes the one instance.
pub const DEFAULT_INSTANCE: &str = "main";
/// The fewest characters that a key of hashes may have.
const PRIVACY_KEY_LENGTH: usize = 16;
/// Names that a warehouse file must not have: DuckDB names the catalog after the file.
const SCHEMAS: [&str; 9] =
    ["crm", "history", "model", "meta", "main", "temp", "system", "information_schema", "pg_catalog"];

/// What is wrong with the configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file named is not there or cannot be read.
    #[error("cannot read the configuration file {path}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file that the configuration names cannot be read.
    #[error("cannot read {path}, which the configuration names")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file is not valid. The message names the field; it never quotes the line, which may hold a secret.
    #[error("{path}, line {line}: {message}")]
    Invalid {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong there.
        message: String,
    },
    /// A value is out of its range.
    #[error("{setting}: {problem}")]
    Value {
        /// The setting, as the file or the command line names it.
        setting: String,
        /// What is wrong with it.
        problem: String,
    },
    /// No instance is described anywhere.
    #[error("no base URL: set {} or write an [[instance]] table into {DEFAULT_FILE}", env::BASE_URL)]
    NoInstance,
    /// The instance named does not exist.
    #[error("no instance is called \"{name}\"; there is {known}")]
    UnknownInstance {
        /// The name asked for.
        name: String,
        /// The names there are.
        known: String,
    },
    /// The instance has no key.
    #[error("no API key for instance \"{instance}\": set {variable}, or {variable}_FILE to a file that holds it")]
    NoKey {
        /// The instance.
        instance: String,
        /// The variable that should hold its key.
        variable: String,
    },
    /// Something is to be hashed, and there is no key.
    #[error("[privacy] hash needs a key: set {variable}, or {variable}_FILE to a file that holds it")]
    NoPrivacyKey {
        /// The variable that should hold it.
        variable: String,
    },
    /// The file that should hold a key cannot be read.
    #[error("cannot read the key file {path}")]
    KeyFile {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// What the command line says, all of it optional.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// `--config`
    pub config: Option<PathBuf>,
    /// `--warehouse`
    pub warehouse: Option<PathBuf>,
    /// `--prove`
    pub proof: Option<Proof>,
    /// `--to parquet`
    pub parquet: Option<ParquetOverrides>,
}

/// Everything that was decided before the work starts.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The warehouse file.
    pub warehouse: PathBuf,
    /// Where an extraction writes.
    pub destination: Destination,
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
    /// The folder of the user's own SQL, where there is one.
    pub sql: Option<PathBuf>,
    /// What is checked.
    pub checks: ChecksTable,
    /// How reports are judged.
    pub reports: ReportsTable,
    /// What `crmlake run` does beside extracting and checking.
    pub run: RunTable,
    /// Who is told how a run went.
    pub notify: NotifyTable,
    /// The folder that relative paths of the configuration file begin at.
    folder: PathBuf,
    file: Arc<File>,
}

/// One CRM instance, with the keys that open it.
#[derive(Clone, Debug)]
pub struct Instance {
    /// What `_instance` says in every row.
    pub name: String,
    /// The API's base URL, ending in a slash.
    pub base_url: Url,
    /// The primary key.
    pub key: Secret,
    /// The secondary key.
    pub secondary_key: Option<Secret>,
}

impl Settings {
    /// Resolves the settings.
    pub fn resolve(overrides: &Overrides, environment: Environment) -> Result<Self, ConfigError> {
        let named = overrides.config.clone().or_else(|| environment.path(env::CONFIG));
        let path = named.clone().or_else(|| Some(PathBuf::from(DEFAULT_FILE)).filter(|path| path.exists()));
        let file = path.as_deref().map(read).transpose()?.unwrap_or_default();
        let folder = path.as_deref().and_then(Path::parent).map(Path::to_owned).unwrap_or_default();
        let warehouse = overrides
            .warehouse
            .clone()
            .or_else(|| environment.path(env::WAREHOUSE))
            .or_else(|| file.warehouse.as_ref().map(|path| folder.join(path)))
            .unwrap_or_else(|| DEFAULT_WAREHOUSE.into());
        check_warehouse_name(&warehouse)?;
        let warehouse = behind_link(warehouse);
        check_ranges(&file)?;
        let mut sweep = file.sweep.clone();
        sweep.proof = overrides.proof.unwrap_or(sweep.proof);
        Ok(Self {
            warehouse,
            destination: Destination::resolve(overrides.parquet.as_ref(), environment)?,
            api: file.api.clone(),
            sweep,
            deletes: file.deletes.clone(),
            tables: file.tables.clone(),
            privacy: file.privacy.clone(),
            sql: Some(folder.join("sql")).filter(|sql| sql.is_dir()),
            checks: file.checks.clone(),
            reports: file.reports.clone(),
            run: file.run.clone(),
            notify: file.notify.clone(),
            folder,
            file: Arc::new(file),
        })
    }

    /// The instances to extract, with their keys: all, or the one named.
    pub fn instances(&self, wanted: Option<&str>, environment: Environment) -> Result<Vec<Instance>, ConfigError> {
        let mut tables = self.file.instance.clone();
        if tables.is_empty() {
            let base_url = environment.text(env::BASE_URL).ok_or(ConfigError::NoInstance)?;
            tables.push(InstanceTable {
                name: DEFAULT_INSTANCE.to_owned(),
                base_url,
                key_env: None,
                secondary_key_env: None,
                allow_http: false,
            });
        }
        if let Some(name) = wanted {
            let known = tables.iter().map(|table| format!("\"{}\"", table.name)).collect::<Vec<_>>().join(", ");
            tables.retain(|table| table.name == name);
            if tables.is_empty() {
                return Err(ConfigError::UnknownInstance { name: name.to_owned(), known });
            }
        }
        // The environment goes before the file, where it is clear which instance it means.
        if let ([table], Some(base_url)) = (tables.as_mut_slice(), environment.text(env::BASE_URL)) {
            table.base_url = base_url;
        }
        tables.into_iter().map(|table| instance(table, environment)).collect()
    }

    /// The folder of an extraction's working files.
    pub fn work_folder(&self) -> PathBuf {
        self.destination.work_folder(&self.warehouse)
    }

    /// The key of the hashes, where something is to be hashed.
    pub fn privacy_key(&self, environment: Environment) -> Result<Option<Secret>, ConfigError> {
        if self.privacy.hash.is_empty() {
            return Ok(None);
        }
        let variable = &self.privacy.key_env;
        let key = environment.key(variable).map_err(|(path, source)| ConfigError::KeyFile { path, source })?;
        let key = key
            .filter(|key| !key.is_empty())
            .ok_or_else(|| ConfigError::NoPrivacyKey { variable: variable.clone() })?;
        if key.expose().len() < PRIVACY_KEY_LENGTH {
            return Err(ConfigError::Value {
                setting: variable.clone(),
                problem: format!(
                    "a key of fewer than {PRIVACY_KEY_LENGTH} characters can be guessed, and with it what was hashed; \
                     `openssl rand -hex 32` makes a good one"
                ),
            });
        }
        Ok(Some(key))
    }

    /// Where a canonical field is in the records of a resource, as configured: the first that has a value counts.
    pub fn field(&self, resource: &str, canonical: &str) -> &[String] {
        let configured = self.file.fields.get(resource).and_then(|fields| fields.get(canonical));
        configured.map_or(&[], |paths| paths.all())
    }

    /// What the instance writes for each canonical value of a field, as configured.
    pub fn values(&self, resource: &str, canonical: &str) -> impl Iterator<Item = (&str, &[String])> {
        self.file
            .values
            .get(resource)
            .and_then(|fields| fields.get(canonical))
            .into_iter()
            .flatten()
            .map(|(value, written)| (value.as_str(), written.as_slice()))
    }

    /// The names of the configuration's tables `[fields.<resource>]` and `[values.<resource>.<name>]`: section, resource
    /// and canonical names.
    pub fn canonical_names(&self) -> impl Iterator<Item = (&'static str, &str, Vec<&str>)> {
        let fields = self
            .file
            .fields
            .iter()
            .map(|(resource, fields)| ("fields", resource.as_str(), fields.keys().map(String::as_str).collect()));
        let values = self
            .file
            .values
            .iter()
            .map(|(resource, fields)| ("values", resource.as_str(), fields.keys().map(String::as_str).collect()));
        fields.chain(values)
    }

    /// All configured values: resource, canonical name, canonical value, and what the instance writes for it.
    pub fn all_values(&self) -> impl Iterator<Item = (&str, &str, &str, &[String])> {
        self.file.values.iter().flat_map(|(resource, fields)| {
            fields.iter().flat_map(move |(field, values)| {
                values.iter().map(move |(value, written)| {
                    (resource.as_str(), field.as_str(), value.as_str(), written.as_slice())
                })
            })
        })
    }

    /// What the files that `[currency]` and `[quota]` name say.
    pub fn tables(&self) -> Result<money::Tables, ConfigError> {
        money::Tables::read(&self.file.currency, &self.file.quota, &self.folder)
    }

    /// The currency that amounts are converted to, where one is configured.
    pub fn base_currency(&self) -> Option<String> {
        self.file.currency.base.as_ref().map(|base| base.trim().to_uppercase())
    }

    /// Values of reports' parameters that the command line does not name.
    pub fn report_params(&self) -> impl Iterator<Item = (String, String)> {
        self.reports.params.iter().map(|(name, value)| (name.clone(), value.0.clone()))
    }

    /// A path as the configuration file means it.
    pub fn beside_file(&self, path: &Path) -> PathBuf {
        self.folder.join(path)
    }
}

/// The folder of working files beside a warehouse: lock, spool, and the copy being written.
pub fn work_folder(warehouse: &Path) -> PathBuf {
    warehouse.parent().unwrap_or(Path::new("")).join(WORK_FOLDER)
}

fn read(path: &Path) -> Result<File, ConfigError> {
    let text = fs::read_to_string(path).map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
    toml::from_str(&text).map_err(|error| ConfigError::Invalid {
        path: path.to_owned(),
        line: error.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1),
        message: error.message().to_owned(),
    })
}

fn instance(table: InstanceTable, environment: Environment) -> Result<Instance, ConfigError> {
    let base_url = base_url(&table)?;
    let key =
        |variable: &str| environment.key(variable).map_err(|(path, source)| ConfigError::KeyFile { path, source });
    let variable = table.key_env.unwrap_or_else(|| env::API_KEY.to_owned());
    let secondary = table.secondary_key_env.unwrap_or_else(|| env::API_KEY_SECONDARY.to_owned());
    let key_value = key(&variable)?
        .filter(|key| !key.is_empty())
        .ok_or_else(|| ConfigError::NoKey { instance: table.name.clone(), variable: variable.clone() })?;
    let secondary_key = key(&secondary)?.filter(|key| !key.is_empty());
    for (key, variable) in [(Some(&key_value), &variable), (secondary_key.as_ref(), &secondary)] {
        if key.is_some_and(|key| !key.expose().chars().all(|c| c.is_ascii_graphic())) {
            return Err(ConfigError::Value {
                setting: variable.clone(),
                problem: "the key has characters that cannot be sent; it must be plain text on one line".to_owned(),
            });
        }
    }
    Ok(Instance { name: table.name, base_url, key: key_value, secondary_key })
}

fn base_url(table: &InstanceTable) -> Result<Url, ConfigError> {
    let setting = format!("base URL of instance \"{}\"", table.name);
    let value = |problem: &str| ConfigError::Value { setting: setting.clone(), problem: problem.to_owned() };
    let mut url = Url::parse(table.base_url.trim()).map_err(|error| value(&format!("not a URL: {error}")))?;
    if !matches!(url.scheme(), "https" | "http") || url.host().is_none() {
        return Err(value("must begin with https://"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(value("must not hold a user or password"));
    }
    if url.scheme() == "http" && !table.allow_http && !is_loopback(&url) {
        return Err(value(
            "plain http would send the key unencrypted; use https, or set allow_http = true for this instance",
        ));
    }
    if !url.path().ends_with('/') {
        url.set_path(&format!("{}/", url.path()));
    }
    Ok(url)
}

/// Whether the URL's host is this machine itself.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

fn check_warehouse_name(path: &Path) -> Result<(), ConfigError> {
    let stem = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.split('.').next()).unwrap_or("");
    if SCHEMAS.iter().any(|schema| stem.eq_ignore_ascii_case(schema)) {
        return Err(ConfigError::Value {
            setting: format!("warehouse {}", path.display()),
            problem: format!(
                "DuckDB names a catalog after its file, so \"{stem}\" would make every {stem}.<table> ambiguous; \
                 choose another name"
            ),
        });
    }
    Ok(())
}

/// The file that a symbolic link leads to: replacing the link itself would leave that file behind.
fn behind_link(path: PathBuf) -> PathBuf {
    if path.is_symlink() { fs::canonicalize(&path).unwrap_or(path) } else { path }
}

fn check_ranges(file: &File) -> Result<(), ConfigError> {
    let positive = [
        ("[api] page_size", u64::from(file.api.page_size)),
        ("[api] requests", u64::from(file.api.requests)),
        ("[api] concurrency", file.api.concurrency as u64),
        ("[api] max_attempts", u64::from(file.api.max_attempts)),
        ("[api] max_response_bytes", file.api.max_response_bytes.as_u64()),
        ("[sweep] max_passes", u64::from(file.sweep.max_passes)),
    ];
    if let Some((setting, _)) = positive.iter().find(|(_, value)| *value == 0) {
        return Err(ConfigError::Value { setting: (*setting).to_owned(), problem: "must be at least 1".to_owned() });
    }
    if !(0.0..=1.0).contains(&file.deletes.max_share) {
        return Err(ConfigError::Value {
            setting: "[deletes] max_share".to_owned(),
            problem: "must be between 0 and 1".to_owned(),
        });
    }
    for (index, table) in file.instance.iter().enumerate() {
        let name = &table.name;
        if name.is_empty()
            || !name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
            || name.starts_with('.')
        {
            return Err(ConfigError::Value {
                setting: format!("[[instance]] name \"{name}\""),
                problem: "use letters, digits, - and _".to_owned(),
            });
        }
        if file.instance[..index].iter().any(|other| other.name.eq_ignore_ascii_case(name)) {
            return Err(ConfigError::Value {
                setting: format!("[[instance]] name \"{name}\""),
                problem: "stands twice".to_owned(),
            });
        }
    }
    Ok(())
}
