//! What an S3-compatible store is asked with: from a file that nobody else may read, or from the environment.

use std::path::Path;

use portreeve_protocol::secret::SecretText;
use serde::Deserialize;

use crate::config::ConfigError;
use crate::secret_file;

/// A credential. It cannot be printed.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Credentials {
    pub(crate) access_key_id: SecretText,
    pub(crate) secret_access_key: SecretText,
    #[serde(default)]
    pub(crate) session_token: Option<SecretText>,
}

impl Credentials {
    pub(crate) fn of_file(path: &Path) -> Result<Self, ConfigError> {
        let text = secret_file::read(path)?;
        // What the parser says of a fault may repeat the line, and with it the secret.
        toml::from_str(text.expose()).map_err(|_| ConfigError::Credentials(path.to_owned()))
    }

    /// From the variables that every S3 client knows.
    pub(crate) fn of_environment(
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, ConfigError> {
        let needed = |name: &'static str| {
            let value = variable(name).filter(|value| !value.is_empty());
            value
                .map(SecretText::new)
                .ok_or(ConfigError::NoCredentials(name))
        };
        Ok(Self {
            access_key_id: needed("AWS_ACCESS_KEY_ID")?,
            secret_access_key: needed("AWS_SECRET_ACCESS_KEY")?,
            session_token: needed("AWS_SESSION_TOKEN").ok(),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{Permissions, set_permissions, write};
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::secret_file::SecretFileError;

    const FILE: &str = "access_key_id = \"id\"\nsecret_access_key = \"hunter2\"\n";

    #[test]
    fn a_file_that_others_can_read_is_no_place_for_a_credential() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s3.toml");
        write(&path, FILE).unwrap();
        set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(
            Credentials::of_file(&path),
            Err(ConfigError::Secret(SecretFileError::Exposed(_)))
        ));
        set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        let read = Credentials::of_file(&path).unwrap();
        assert_eq!(read.secret_access_key.expose(), "hunter2");
        assert!(!format!("{read:?}").contains("hunter2"));
    }

    #[test]
    fn a_fault_in_the_file_does_not_repeat_what_is_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s3.toml");
        write(&path, "secret_access_key = hunter2").unwrap();
        set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        let told = format!("{:?}", Credentials::of_file(&path).unwrap_err());
        assert!(
            told.contains("s3.toml") && !told.contains("hunter2"),
            "{told}"
        );
    }

    #[test]
    fn the_environment_gives_both_halves_or_nothing() {
        let with = |names: &'static [&str]| {
            Credentials::of_environment(move |name| {
                names.contains(&name).then(|| name.to_lowercase())
            })
        };
        let both = with(&["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]).unwrap();
        assert_eq!(both.access_key_id.expose(), "aws_access_key_id");
        assert!(both.session_token.is_none());
        assert!(matches!(
            with(&["AWS_ACCESS_KEY_ID"]),
            Err(ConfigError::NoCredentials("AWS_SECRET_ACCESS_KEY"))
        ));
    }
}
