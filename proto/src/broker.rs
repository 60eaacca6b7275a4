//! How both services read `NATS_URL`. The client takes servers from a URL and ignores the credentials in it, so they are
//! read here; an error never repeats them.

use async_nats::{ConnectOptions, ServerAddr};
use percent_encoding::percent_decode_str;

/// A text that is no list of NATS URLs. It does not quote the text, which may hold a password.
#[derive(Debug, thiserror::Error)]
#[error(
    "NATS_URL is not a list of NATS URLs, for instance `nats://user:password@host:4222,nats://other:4222`"
)]
pub struct InvalidUrls;

/// Who connects. The first URL that says so says it for all: the servers of a cluster share their users.
#[derive(PartialEq, Eq)]
enum Credentials {
    UserAndPassword(String, String),
    Token(String),
}

/// The servers, and options that carry the credentials.
pub fn parse(urls: &str) -> Result<(Vec<ServerAddr>, ConnectOptions), InvalidUrls> {
    let servers = servers(urls)?;
    let options = match servers.iter().find_map(credentials) {
        None => ConnectOptions::new(),
        Some(Credentials::UserAndPassword(user, password)) => {
            ConnectOptions::with_user_and_password(user, password)
        }
        Some(Credentials::Token(token)) => ConnectOptions::with_token(token),
    };
    Ok((servers, options))
}

fn servers(urls: &str) -> Result<Vec<ServerAddr>, InvalidUrls> {
    urls.split(',').map(|url| url.trim().parse().map_err(|_| InvalidUrls)).collect()
}

fn credentials(server: &ServerAddr) -> Option<Credentials> {
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let user = decoded(server.username().filter(|user| !user.is_empty())?);
    Some(match server.password() {
        Some(password) => Credentials::UserAndPassword(user, decoded(password)),
        None => Credentials::Token(user),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn who(urls: &str) -> Option<Credentials> {
        servers(urls).unwrap().iter().find_map(credentials)
    }

    #[test]
    fn user_and_password_are_read_from_the_url() {
        let expected = Credentials::UserAndPassword("ada".to_owned(), "p@ss".to_owned());
        assert!(who("nats://ada:p%40ss@127.0.0.1:4222") == Some(expected));
        assert!(who("nats://t0ken@127.0.0.1:4222") == Some(Credentials::Token("t0ken".to_owned())));
        assert!(who("nats://127.0.0.1:4222").is_none());
    }

    #[test]
    fn several_servers_are_separated_by_commas() {
        let (servers, _) = parse("nats://one:4222, nats://two:4223").unwrap();
        assert_eq!(servers.len(), 2);
        assert_eq!(servers[1].port(), 4223);
    }

    #[test]
    fn an_error_never_repeats_a_password() {
        let error = parse("nats://ada:secret@[").unwrap_err();
        assert!(!error.to_string().contains("secret"));
    }
}
