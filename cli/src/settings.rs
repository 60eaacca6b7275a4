//! Where the platform is and with which token: from the command line, the environment and the config file, in this order.

mod file;
mod stored;
mod url;

pub(crate) use self::{stored::Stored, url::is_loopback};

use std::{
    env,
    path::{Path, PathBuf},
};

use reqwest::{Url, header::HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};

use crate::{args::Global, error::Error};

/// Where a platform is that somebody tries at home.
pub(crate) const DEFAULT_URL: &str = "http://127.0.0.1:8080";

/// What is needed to speak to the platform.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// Where its API is, without a `/` at the end.
    pub(crate) url: Url,
    /// Parsed: it can stand in a header.
    pub(crate) token: SecretString,
    /// For whom the operator acts.
    pub(crate) tenant: Option<String>,
}

/// What we take from around us.
#[derive(Debug, Default)]
pub(crate) struct Environment {
    /// `PAAS_TOKEN`.
    token: Option<SecretString>,
    /// Where we keep what `login` is told.
    folder: Option<PathBuf>,
}

impl Environment {
    pub(crate) fn of_this_process() -> Self {
        let folder = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let config = folder("XDG_CONFIG_HOME").or_else(|| Some(folder("HOME")?.join(".config")));
        Self {
            token: env::var("PAAS_TOKEN").ok().filter(|token| !token.is_empty()).map(Into::into),
            folder: config.map(|folder| folder.join("paas")),
        }
    }

    /// Whether a token stands in the environment, which goes before a stored one.
    pub(crate) fn has_token(&self) -> bool {
        self.token.is_some()
    }

    fn config(&self) -> Result<file::Config, Error> {
        self.file("config.toml")
            .as_deref()
            .map_or_else(|| Ok(file::Config::default()), file::config)
    }

    fn file(&self, name: &str) -> Option<PathBuf> {
        Some(self.folder.as_deref()?.join(name))
    }
}

impl Settings {
    /// The first that says something: the command line, the environment, the config file.
    pub(crate) fn find(global: &Global, environment: &Environment) -> Result<Self, Error> {
        let config = environment.config()?;
        let text = given(global.url.as_deref()).or(config.url.as_deref()).unwrap_or(DEFAULT_URL);
        let url = url::parse(text, global.insecure_http)?;
        let tenant = given(global.tenant.as_deref()).map(str::to_owned).or(config.tenant);
        let token = match (&global.token_file, &environment.token) {
            (Some(path), _) => file::token(path)?,
            (None, Some(token)) => token.clone(),
            (None, None) => match (config.token, environment.file(stored::TOKEN_FILE)) {
                (Some(token), _) => token,
                (None, Some(path)) => file::stored_token(&path)?.ok_or(Error::NoToken)?,
                (None, None) => return Err(Error::NoToken),
            },
        };
        Self::of(url, token, tenant)
    }

    /// These, if a token can be sent that way.
    fn of(url: Url, token: SecretString, tenant: Option<String>) -> Result<Self, Error> {
        let (token, tenant) = (usable(&token)?, tenant.map(|name| named(&name)).transpose()?);
        Ok(Self { url, token, tenant })
    }

    /// As they are told to `login`: an address, else the one that is known, and a token.
    pub(crate) fn told(global: &Global, url: &str, token: SecretString) -> Result<Self, Error> {
        let tenant = given(global.tenant.as_deref()).map(str::to_owned);
        Self::of(url::parse(url, global.insecure_http)?, token, tenant)
    }
}

/// The address of the command line, the environment or the config file; none has been told.
pub(crate) fn known_url(
    global: &Global,
    environment: &Environment,
) -> Result<Option<String>, Error> {
    match given(global.url.as_deref()) {
        Some(url) => Ok(Some(url.to_owned())),
        None => Ok(environment.config()?.url),
    }
}

/// A secret in a file of its own, which only its owner may read.
pub(crate) fn secret_in(path: &Path) -> Result<SecretString, Error> {
    file::token(path)
}

/// An empty variable is as good as none.
fn given(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.is_empty())
}

/// The tenant as it can be sent.
fn named(tenant: &str) -> Result<String, Error> {
    let is_name = tenant.bytes().all(|byte| byte.is_ascii_graphic());
    let wrong = || Error::Usage("the tenant's name has characters that no name has".to_owned());
    is_name.then(|| tenant.to_owned()).ok_or_else(wrong)
}

/// The token as it can be sent.
fn usable(token: &SecretString) -> Result<SecretString, Error> {
    let token = token.expose_secret().trim();
    if token.is_empty() {
        return Err(Error::NoToken);
    }
    let is_usable = HeaderValue::from_str(token).is_ok() && token.is_ascii();
    if !is_usable || token.contains(char::is_whitespace) {
        return Err(Error::Usage("the token has characters that no token has".to_owned()));
    }
    Ok(token.to_owned().into())
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

    use super::*;

    const CANARY: &str = "canary-token";

    fn write(path: &Path, text: &str, mode: u32) {
        fs::write(path, text).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn found(global: &Global, environment: &Environment) -> (String, String) {
        let settings = Settings::find(global, environment).unwrap();
        (settings.url.to_string(), settings.token.expose_secret().to_owned())
    }

    #[test]
    fn the_command_line_comes_before_the_environment_and_that_before_the_config_file() {
        let folder = tempfile::tempdir().unwrap();
        let config_file = folder.path().join("config.toml");
        write(&config_file, "url = \"https://config\"\ntoken = \"config\"\n", 0o600);
        let mut environment = Environment { folder: Some(folder.path().to_owned()), token: None };
        let mut global = Global::default();
        assert_eq!(found(&global, &environment), ("https://config/".into(), "config".into()));
        environment.token = Some("environment".to_owned().into());
        assert_eq!(found(&global, &environment).1, "environment");
        let token_file = folder.path().join("token");
        write(&token_file, "  file\n", 0o600);
        global.token_file = Some(token_file);
        global.url = Some("https://flag/api/".into());
        assert_eq!(found(&global, &environment), ("https://flag/api/".into(), "file".into()));
    }

    #[test]
    fn without_any_the_platform_is_on_this_machine_and_a_token_is_missing() {
        let nothing = Environment::default();
        assert!(matches!(Settings::find(&Global::default(), &nothing), Err(Error::NoToken)));
        let token = Some(CANARY.to_owned().into());
        let environment = Environment { token, folder: Some("/nowhere".into()) };
        let (url, token) = found(&Global::default(), &environment);
        assert_eq!((url.as_str(), token.as_str()), ("http://127.0.0.1:8080/", CANARY));
    }

    #[test]
    fn files_that_others_can_read_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        for mode in [0o640, 0o604, 0o644] {
            write(&path, &format!("token = \"{CANARY}\""), mode);
            let environment = Environment { folder: Some(folder.path().to_owned()), token: None };
            let by_config = Settings::find(&Global::default(), &environment);
            let global = Global { token_file: Some(path.clone()), ..Global::default() };
            for refused in [by_config, Settings::find(&global, &Environment::default())] {
                let message = refused.unwrap_err().to_string();
                assert!(message.contains("chmod 600"), "{message}");
            }
        }
    }

    #[test]
    fn nothing_that_is_wrong_is_repeated() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        for text in ["token = \"canary", "tokens = \"canary\"", "token = [\"canary\"]", "canary"] {
            write(&path, text, 0o600);
            let environment = Environment { folder: Some(folder.path().to_owned()), token: None };
            let error = Settings::find(&Global::default(), &environment).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("canary"), "{error:?}");
            assert!(error.to_string().contains("config.toml"), "{error}");
        }
        for token in ["canary\nline", "canary token", "canary\u{e9}"] {
            let environment = Environment { token: Some(token.to_owned().into()), folder: None };
            let error = Settings::find(&Global::default(), &environment).unwrap_err();
            assert!(!error.to_string().contains("canary"), "{error}");
        }
    }
}
