//! What `login` stores and `logout` forgets: the address in the config file, the token in a file of its own.

use secrecy::ExposeSecret as _;

use super::{Environment, Settings, file};
use crate::error::Error;

/// Beside the config file.
pub(super) const TOKEN_FILE: &str = "token";

/// What is kept between two commands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stored<'a>(pub(crate) &'a Environment);

impl Stored<'_> {
    /// Keeps these for the commands to come; in which folder.
    pub(crate) fn keep(self, settings: &Settings) -> Result<String, Error> {
        let (Some(config), Some(token)) = (self.0.file("config.toml"), self.0.file(TOKEN_FILE))
        else {
            let why = "there is no place for it: neither XDG_CONFIG_HOME nor HOME is set";
            return Err(Error::Usage(why.to_owned()));
        };
        // The token first: an address without one leads nowhere, and a token goes to the address that it was tried at.
        file::write(&token, &format!("{}\n", settings.token.expose_secret()))?;
        let (url, tenant) = (Some(settings.url.to_string()), settings.tenant.clone());
        file::write(&config, &text(&file::Config { url, tenant, token: None }))?;
        Ok(config.parent().map(|folder| folder.display().to_string()).unwrap_or_default())
    }

    /// Forgets the token, wherever it stands; whether there was one.
    pub(crate) fn forget_token(self) -> Result<bool, Error> {
        let config = self.0.config()?;
        let stood_in_config = config.token.is_some();
        if stood_in_config && let Some(path) = self.0.file("config.toml") {
            file::write(&path, &text(&config))?;
        }
        let was_stored = match self.0.file(TOKEN_FILE) {
            Some(path) => file::remove(&path)?,
            None => false,
        };
        Ok(stood_in_config || was_stored)
    }
}

/// The config file without its token. Both values are printable ASCII, which Rust and TOML quote alike.
fn text(config: &file::Config) -> String {
    let fields = [("url", &config.url), ("tenant", &config.tenant)];
    let line =
        |(name, value): (&str, &Option<String>)| Some(format!("{name} = {:?}\n", value.as_ref()?));
    fields.into_iter().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::*;
    use crate::args::Global;

    #[test]
    fn what_is_kept_is_found_again_and_read_by_nobody_else() {
        let folder = tempfile::tempdir().unwrap();
        let environment =
            Environment { token: None, folder: Some(folder.path().join("deep").join("paas")) };
        let stored = Stored(&environment);
        let tenant = Some("acme".to_owned());
        let global = Global { tenant, ..Global::default() };
        let told = Settings::told(&global, "https://paas.example.com", "secret".to_owned().into());
        let place = stored.keep(&told.unwrap()).unwrap();
        let found = Settings::find(&Global::default(), &environment).unwrap();
        assert_eq!(found.url.as_str(), "https://paas.example.com/");
        assert_eq!(found.token.expose_secret(), "secret");
        assert_eq!(found.tenant.as_deref(), Some("acme"));
        let mut names = Vec::new();
        for file in fs::read_dir(&place).unwrap() {
            let file = file.unwrap();
            assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
            names.push(file.file_name().into_string().unwrap());
        }
        names.sort();
        assert_eq!(names, ["config.toml", "token"]);

        assert!(stored.forget_token().unwrap());
        assert!(!stored.forget_token().unwrap());
        let found = Settings::find(&Global::default(), &environment);
        assert!(matches!(found, Err(Error::NoToken)), "{found:?}");
    }

    #[test]
    fn a_token_that_stands_in_the_config_file_is_forgotten_too_and_the_address_stays() {
        let folder = tempfile::tempdir().unwrap();
        let environment = Environment { token: None, folder: Some(folder.path().to_owned()) };
        let path = folder.path().join("config.toml");
        file::write(&path, "url = \"https://a.example\"\ntoken = \"canary\"\n").unwrap();
        assert!(Stored(&environment).forget_token().unwrap());
        let left = fs::read_to_string(&path).unwrap();
        assert_eq!(left, "url = \"https://a.example\"\n");
    }
}
