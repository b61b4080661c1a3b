//! `crmlake init`

use std::{fs::OpenOptions, io::Write as _, path::PathBuf};

use super::{Context, print, write_error};
use crate::{
    cli::Init,
    config::DEFAULT_FILE,
    error::{Error, ExitCode},
};

/// Every setting with its default, commented.
const STARTER: &str = include_str!("crmlake.toml");

pub(super) fn run(context: &Context, args: &Init) -> Result<ExitCode, Error> {
    let path = context.overrides.config.clone().unwrap_or_else(|| PathBuf::from(DEFAULT_FILE));
    if path.exists() && !args.force {
        return Err(Error::Usage(format!("{} is there already; --force replaces it", path.display())));
    }
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).open(&path).map_err(write_error(&path))?;
    file.write_all(STARTER.as_bytes()).map_err(write_error(&path))?;
    print(&format!("wrote {}; put your base URL into it and the key into CRMLAKE_API_KEY\n", path.display()))?;
    Ok(ExitCode::Whole)
}

#[cfg(test)]
mod tests {
    use crate::config::file::File;

    #[test]
    fn the_starter_is_valid_and_says_the_defaults() {
        let starter: File = toml::from_str(super::STARTER).unwrap();
        let defaults = File::default();
        assert_eq!(format!("{:?}", starter.api), format!("{:?}", defaults.api));
        assert_eq!(format!("{:?}", starter.sweep), format!("{:?}", defaults.sweep));
        assert_eq!(format!("{:?}", starter.deletes), format!("{:?}", defaults.deletes));
        assert_eq!(format!("{:?}", starter.tables), format!("{:?}", defaults.tables));
        assert_eq!(format!("{:?}", starter.privacy), format!("{:?}", defaults.privacy));
        assert_eq!(format!("{:?}", starter.reports), format!("{:?}", defaults.reports));
        assert_eq!(format!("{:?}", starter.checks), format!("{:?}", defaults.checks));
        assert_eq!(format!("{:?}", starter.run), format!("{:?}", defaults.run));
        assert_eq!(format!("{:?}", starter.notify), format!("{:?}", defaults.notify));
    }
}
