//! Files that hold a token: nobody but their owner may read them, and nothing that stands in them is repeated.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::Path,
};

use secrecy::SecretString;
use serde::Deserialize;

use crate::error::Error;

/// Larger ones are something else.
const LARGEST_FILE: u64 = 64 * 1024;
const FOR_OTHERS: u32 = 0o077;
const FOR_THE_OWNER: u32 = 0o600;
const FOLDER_FOR_THE_OWNER: u32 = 0o700;

/// The config file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Config {
    pub(super) url: Option<String>,
    pub(super) tenant: Option<String>,
    /// It is written by hand only: what we store is in a file of its own.
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
            "{path}, line {line}: only `url = \"…\"`, `tenant = \"…\"` and `token = \"…\"` stand there"
        ))
    })
}

/// Reads a file with nothing in it but a secret, which has to be there.
pub(super) fn token(path: &Path) -> Result<SecretString, Error> {
    let token = stored_token(path)?;
    token.ok_or_else(|| Error::Usage(format!("there is no {}", path.display())))
}

/// Reads a file with nothing in it but a token; there need not be one.
pub(super) fn stored_token(path: &Path) -> Result<Option<SecretString>, Error> {
    Ok(read(path)?.map(Into::into))
}

/// Writes a file that only its owner may read, whole or not at all.
pub(super) fn write(path: &Path, text: &str) -> Result<(), Error> {
    try_write(path, text)
        .map_err(|error| Error::Usage(format!("cannot write {}: {error}", path.display())))
}

/// Removes a file; whether there was one.
pub(super) fn remove(path: &Path) -> Result<bool, Error> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(Error::Usage(format!("cannot remove {}: {error}", path.display()))),
    }
}

fn try_write(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        DirBuilder::new().recursive(true).mode(FOLDER_FOR_THE_OWNER).create(folder)?;
    }
    // One of ours that was broken off may be left. Its name is not guessed by anybody who could put a link there: the
    // folder is the owner's.
    let new = path.with_extension(format!("new-{}", std::process::id()));
    let _ = fs::remove_file(&new);
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(FOR_THE_OWNER).open(&new)?;
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    written.and_then(|()| fs::rename(&new, path)).inspect_err(|_| {
        let _ = fs::remove_file(&new);
    })
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
