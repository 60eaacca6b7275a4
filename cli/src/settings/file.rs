//! Files that hold a token: nobody but their owner may read them, and nothing that stands in them is repeated.

use std::{
    fs::File,
    io::{self, Read as _},
    os::unix::fs::PermissionsExt as _,
    path::Path,
};

use secrecy::SecretString;
use serde::Deserialize;

use crate::error::Error;

/// Larger ones are something else.
const LARGEST_FILE: u64 = 64 * 1024;
const FOR_OTHERS: u32 = 0o077;

/// The config file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Config {
    pub(super) url: Option<String>,
    #[serde(default, deserialize_with = "secret")]
    pub(super) token: Option<SecretString>,
}

fn secret<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<SecretString>, D::Error> {
    Ok(Option::<String>::deserialize(from)?.map(Into::into))
}

/// Reads the config file; there need not be one.
pub(super) fn config(path: &Path) -> Result<Config, Error> {
    let Some(text) = read(path)? else { return Ok(Config::default()) };
    toml::from_str(&text).map_err(|error| {
        // The error's own text shows the line, and the token may stand there.
        let at = error.span().map_or(0, |span| span.start);
        let line = text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1;
        let path = path.display();
        Error::Usage(format!(
            "{path}, line {line}: only `url = \"…\"` and `token = \"…\"` stand there"
        ))
    })
}

/// Reads a file with nothing in it but a token.
pub(super) fn token(path: &Path) -> Result<SecretString, Error> {
    let token = read(path)?;
    token.map(Into::into).ok_or_else(|| Error::Usage(format!("there is no {}", path.display())))
}

/// What stands in a file that only its owner may read; `None` when there is no such file.
fn read(path: &Path) -> Result<Option<String>, Error> {
    match try_read(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error)
            if error.kind() == io::ErrorKind::PermissionDenied && error.get_ref().is_some() =>
        {
            let path = path.display();
            Err(Error::Usage(format!(
                "others may read {path}, where a token stands: chmod 600 {path}"
            )))
        }
        Err(error) => Err(Error::Usage(format!("cannot read {}: {error}", path.display()))),
    }
}

fn try_read(path: &Path) -> io::Result<String> {
    let file = File::open(path)?;
    // Asked of the open file: the one at this path may be another by now.
    if file.metadata()?.permissions().mode() & FOR_OTHERS != 0 {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "others may read it"));
    }
    let mut text = String::new();
    file.take(LARGEST_FILE).read_to_string(&mut text)?;
    Ok(text)
}
