//! Where the platform is and with which token: from the command line, the environment and the config file, in this order.

mod file;
mod url;

pub(crate) use self::url::is_loopback;

use std::{env, path::PathBuf};

use reqwest::{Url, header::HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};

use crate::{args::Global, error::Error};

const DEFAULT_URL: &str = "http://127.0.0.1:8080";

/// What is needed to speak to the platform.
#[derive(Debug)]
pub(crate) struct Settings {
    /// Where its API is, without a `/` at the end.
    pub(crate) url: Url,
    /// Parsed: it can stand in a header.
    pub(crate) token: SecretString,
}

/// What we take from around us.
#[derive(Debug, Default)]
pub(crate) struct Environment {
    /// `PAAS_TOKEN`.
    token: Option<SecretString>,
    /// Where the config file would be.
    config_file: Option<PathBuf>,
}

impl Environment {
    pub(crate) fn of_this_process() -> Self {
        let folder = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let config = folder("XDG_CONFIG_HOME").or_else(|| Some(folder("HOME")?.join(".config")));
        Self {
            token: env::var("PAAS_TOKEN").ok().filter(|token| !token.is_empty()).map(Into::into),
            config_file: config.map(|folder| folder.join("paas").join("config.toml")),
        }
    }
}

impl Settings {
    /// The first that says something: the command line, the environment, the config file.
    pub(crate) fn find(global: &Global, environment: &Environment) -> Result<Self, Error> {
        let config = environment.config_file.as_deref().map(file::config).transpose()?;
        let config = config.unwrap_or_default();
        let given = global.url.as_deref().filter(|url| !url.is_empty());
        let text = given.or(config.url.as_deref()).unwrap_or(DEFAULT_URL);
        let url = url::parse(text, global.insecure_http)?;
        let token = match (&global.token_file, &environment.token) {
            (Some(path), _) => file::token(path)?,
            (None, Some(token)) => token.clone(),
            (None, None) => config.token.ok_or(Error::NoToken)?,
        };
        Ok(Self { url, token: usable(&token)? })
    }
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
        let mut environment = Environment { config_file: Some(config_file), token: None };
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
        let environment = Environment { token, config_file: Some("/nowhere/config.toml".into()) };
        let (url, token) = found(&Global::default(), &environment);
        assert_eq!((url.as_str(), token.as_str()), ("http://127.0.0.1:8080/", CANARY));
    }

    #[test]
    fn files_that_others_can_read_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        for mode in [0o640, 0o604, 0o644] {
            write(&path, &format!("token = \"{CANARY}\""), mode);
            let environment = Environment { config_file: Some(path.clone()), token: None };
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
            let environment = Environment { config_file: Some(path.clone()), token: None };
            let error = Settings::find(&Global::default(), &environment).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("canary"), "{error:?}");
            assert!(error.to_string().contains("config.toml"), "{error}");
        }
        for token in ["canary\nline", "canary token", "canary\u{e9}"] {
            let environment =
                Environment { token: Some(token.to_owned().into()), config_file: None };
            let error = Settings::find(&Global::default(), &environment).unwrap_err();
            assert!(!error.to_string().contains("canary"), "{error}");
        }
    }
}
