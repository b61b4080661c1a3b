//! Where an extraction writes: the warehouse, or Parquet snapshots in a folder or a bucket.

use std::{
    fmt,
    num::NonZeroUsize,
    path::{Path, PathBuf},
};

use url::Url;

use super::{ConfigError, env::Environment, work_folder};

/// The schemes of buckets, with the beginnings of the environment variables that hold their credentials.
const CLOUDS: [(&str, &str); 3] = [("s3", "AWS_"), ("az", "AZURE_"), ("gs", "GOOGLE_")];

/// Where an extraction writes.
#[derive(Clone, Debug)]
pub enum Destination {
    /// The warehouse.
    Warehouse,
    /// Parquet snapshots.
    Parquet {
        /// Where they are.
        place: Place,
        /// How many of each resource stay; all where nothing is said.
        keep: Option<NonZeroUsize>,
    },
}

/// What the command line says of Parquet snapshots.
#[derive(Clone, Debug)]
pub struct ParquetOverrides {
    /// `--out`
    pub out: String,
    /// `--keep`
    pub keep: Option<NonZeroUsize>,
}

/// A place for snapshots.
#[derive(Clone, Debug)]
pub enum Place {
    /// A folder of this machine.
    Folder(PathBuf),
    /// A bucket, or a part of one.
    Bucket {
        /// Such as `s3://bucket/crm`.
        url: Url,
        /// The cloud's variables of the environment: credentials, region, endpoint.
        variables: CloudVariables,
    },
}

/// Variables that may hold credentials. They cannot be printed.
#[derive(Clone, Default)]
pub struct CloudVariables(Vec<(String, String)>);

impl CloudVariables {
    /// Name and value of each, for the client of the cloud.
    pub fn expose(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl fmt::Debug for CloudVariables {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

impl Place {
    /// The place that a folder's path or a bucket's URL names.
    fn parse(out: &str, environment: Environment) -> Result<Self, ConfigError> {
        // A URL is not repeated: somebody may have put a key into it.
        let wrong = |problem: String| ConfigError::Value { setting: "--out".to_owned(), problem };
        if out.trim().is_empty() {
            return Err(wrong("names no place".to_owned()));
        }
        let Some((scheme, _)) = out.split_once("://") else {
            if let Some((cloud, _)) = CLOUDS.iter().find(|(cloud, _)| out.starts_with(&format!("{cloud}:"))) {
                return Err(wrong(format!("a bucket's URL begins with {cloud}://")));
            }
            if Path::new(out).is_file() {
                return Err(wrong("is a file; name a folder".to_owned()));
            }
            return Ok(Self::Folder(out.into()));
        };
        let Some((_, prefix)) = CLOUDS.iter().find(|(cloud, _)| *cloud == scheme) else {
            let known: Vec<_> = CLOUDS.iter().map(|(cloud, _)| format!("{cloud}://")).collect();
            return Err(wrong(format!("expected a folder, or a URL that begins with {}", known.join(", "))));
        };
        let url = Url::parse(out).map_err(|error| wrong(format!("not a URL: {error}")))?;
        if url.host_str().is_none_or(str::is_empty) {
            return Err(wrong("names no bucket".to_owned()));
        }
        if url.password().is_some() || url.query().is_some() {
            return Err(wrong("must not hold credentials; they come from the environment".to_owned()));
        }
        let variables = environment.all(prefix);
        // The cloud's client repeats URLs in its errors.
        let has_password = |value: &str| Url::parse(value).is_ok_and(|url| url.password().is_some());
        if let Some((name, _)) = variables.iter().find(|(_, value)| has_password(value)) {
            return Err(ConfigError::Value { setting: name.clone(), problem: "must not hold a password".to_owned() });
        }
        Ok(Self::Bucket { url, variables: CloudVariables(variables) })
    }

    /// Its name for people.
    pub fn name(&self) -> String {
        match self {
            Self::Folder(path) => path.display().to_string(),
            Self::Bucket { url, .. } => url.as_str().trim_end_matches('/').to_owned(),
        }
    }
}

impl Destination {
    pub(super) fn resolve(parquet: Option<&ParquetOverrides>, environment: Environment) -> Result<Self, ConfigError> {
        let Some(ParquetOverrides { out, keep }) = parquet else { return Ok(Self::Warehouse) };
        Ok(Self::Parquet { place: Place::parse(out, environment)?, keep: *keep })
    }

    /// The folder of the working files of a run that writes there: inside a folder of snapshots, for everything else
    /// beside the warehouse.
    pub(super) fn work_folder(&self, warehouse: &Path) -> PathBuf {
        match self {
            Self::Warehouse => work_folder(warehouse),
            Self::Parquet { place: Place::Folder(folder), .. } => folder.join(super::WORK_FOLDER),
            Self::Parquet { place: place @ Place::Bucket { .. }, .. } => {
                let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-.".contains(&byte);
                let written = |byte: u8| if plain(byte) { char::from(byte).into() } else { format!("_{byte:02x}") };
                let name: String = place.name().bytes().map(written).collect();
                work_folder(warehouse).join("buckets").join(name)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_a_folder_and_a_url_a_bucket() {
        let place = |out| Place::parse(out, Environment);
        assert!(matches!(place("lake/crm"), Ok(Place::Folder(_))));
        assert!(matches!(place("s3://bucket/crm"), Ok(Place::Bucket { .. })));
        for wrong in ["", " ", "s3:/bucket", "https://bucket/crm", "s3://", "s3://user:secret@bucket/crm", "ftp://x"] {
            assert!(matches!(place(wrong), Err(ConfigError::Value { .. })), "{wrong}");
        }
    }

    #[test]
    fn variables_are_not_printed() {
        let variables = CloudVariables(vec![("AWS_SECRET_ACCESS_KEY".to_owned(), "hush".to_owned())]);
        assert_eq!(format!("{variables:?}"), r#"["AWS_SECRET_ACCESS_KEY"]"#);
    }
}
