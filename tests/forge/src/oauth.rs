//! OAuth as all three have it: consent, codes that work once, tokens, refresh. How each tells of it is the provider's.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use url::Url;

use crate::{
    Options,
    answer::Answer,
    client_id, client_secret,
    request::Call,
    state::{Provider, State},
};

/// How long a code works.
const CODE_LIFE: SignedDuration = SignedDuration::from_mins(10);

/// What the browser brings back.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Code {
    provider: Provider,
    text: String,
    redirect_uri: String,
    challenge: Option<String>,
    scopes: String,
    expires_at: Timestamp,
    is_used: bool,
}

/// What the API is asked with.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Token {
    pub(crate) provider: Provider,
    pub(crate) access: String,
    pub(crate) refresh: Option<String>,
    pub(crate) scopes: String,
    pub(crate) kind: Kind,
    pub(crate) issued_at: Timestamp,
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) is_revoked: bool,
    pub(crate) is_refreshed: bool,
}

/// How a token came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// By consent.
    Oauth,
    /// Made by the person.
    Personal,
    /// Of a GitHub App's installation.
    Installation,
}

/// Why there is no token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Problem {
    /// Another client, or another secret.
    Client,
    /// No such code, or it is spent, or too old.
    Code,
    /// Not the redirect URI that the code was given for.
    Redirect,
    /// PKCE: not the verifier of the challenge.
    Verifier,
    /// No such refresh token, or it is spent.
    Refresh,
    /// Neither a code nor a refresh token.
    GrantType,
}

/// Asks the person, who consents: back to where the browser came from.
pub(crate) fn authorize(state: &mut State, options: &Options, call: &Call) -> Answer {
    let provider = call.provider;
    let parameter = |name: &str| call.parameter(name).unwrap_or_default().to_owned();
    if parameter("client_id") != client_id(provider) {
        return Answer::html(
            if provider == Provider::Github { 404 } else { 401 },
            "Unknown client",
        );
    }
    let redirect_uri = parameter("redirect_uri");
    let registered = options.callback.as_deref().is_none_or(|is| redirect_uri.starts_with(is));
    let Some(mut back) = Url::parse(&redirect_uri).ok().filter(|_| registered) else {
        return Answer::html(400, "The redirect URI included is not valid");
    };
    if provider != Provider::Github && parameter("response_type") != "code" {
        return Answer::html(400, "response_type must be code");
    }
    let challenge = call.parameter("code_challenge").map(str::to_owned);
    if challenge.is_some() && parameter("code_challenge_method") != "S256" {
        return Answer::html(400, "code_challenge_method must be S256");
    }
    if state.switches.of(provider).deny_consent {
        back.query_pairs_mut()
            .append_pair("error", "access_denied")
            .append_pair("error_description", "The user has denied your application access.");
    } else {
        let code = random("code");
        state.codes.push(Code {
            provider,
            text: code.clone(),
            redirect_uri,
            challenge,
            scopes: parameter("scope"),
            expires_at: Timestamp::now() + CODE_LIFE,
            is_used: false,
        });
        back.query_pairs_mut().append_pair("code", &code);
    }
    if let Some(text) = call.parameter("state") {
        back.query_pairs_mut().append_pair("state", text);
    }
    Answer::redirect(302, back.as_str())
}

/// What a token endpoint gives for these parameters.
pub(crate) fn token(state: &mut State, call: &Call) -> Result<Token, Problem> {
    let mut parameters = call.parameters();
    if let Some((id, secret)) = call.basic() {
        parameters.insert("client_id".to_owned(), id);
        parameters.insert("client_secret".to_owned(), secret);
    }
    let is = |name: &str, wanted: String| parameters.get(name) == Some(&wanted);
    let provider = call.provider;
    if !is("client_id", client_id(provider)) || !is("client_secret", client_secret(provider)) {
        return Err(Problem::Client);
    }
    let kind = parameters.get("grant_type").map(String::as_str);
    match kind {
        Some("refresh_token") => refresh(state, provider, &parameters),
        Some("authorization_code") => exchange(state, provider, &parameters),
        // GitHub does not ask for it.
        None if provider == Provider::Github => exchange(state, provider, &parameters),
        Some(_) | None => Err(Problem::GrantType),
    }
}

fn exchange(
    state: &mut State,
    provider: Provider,
    parameters: &BTreeMap<String, String>,
) -> Result<Token, Problem> {
    if state.switches.of(provider).refuse_codes {
        return Err(Problem::Code);
    }
    let given = parameters.get("code").ok_or(Problem::Code)?;
    let known =
        state.codes.iter_mut().find(|code| code.provider == provider && &code.text == given);
    let code = known.ok_or(Problem::Code)?;
    if code.is_used || code.expires_at <= Timestamp::now() {
        return Err(Problem::Code);
    }
    code.is_used = true;
    match parameters.get("redirect_uri") {
        Some(uri) if *uri == code.redirect_uri => {}
        // GitHub lets it be left out.
        None if provider == Provider::Github => {}
        Some(_) | None => return Err(Problem::Redirect),
    }
    if let Some(challenge) = &code.challenge {
        let verifier = parameters.get("code_verifier").ok_or(Problem::Verifier)?;
        if URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)) != *challenge {
            return Err(Problem::Verifier);
        }
    }
    let scopes = code.scopes.clone();
    Ok(issue(state, provider, Kind::Oauth, &scopes))
}

fn refresh(
    state: &mut State,
    provider: Provider,
    parameters: &BTreeMap<String, String>,
) -> Result<Token, Problem> {
    if state.switches.of(provider).refuse_refresh {
        return Err(Problem::Refresh);
    }
    let given = parameters.get("refresh_token").ok_or(Problem::Refresh)?;
    let of_provider = state.tokens.iter_mut().filter(|token| token.provider == provider);
    let mut known = of_provider.filter(|token| token.refresh.as_ref() == Some(given));
    let spent = known.next().filter(|token| !token.is_refreshed && !token.is_revoked);
    let spent = spent.ok_or(Problem::Refresh)?;
    // The access token goes with it.
    (spent.is_refreshed, spent.is_revoked) = (true, true);
    let scopes = spent.scopes.clone();
    Ok(issue(state, provider, Kind::Oauth, &scopes))
}

/// A new token, as the provider's switches say.
pub(crate) fn issue(state: &mut State, provider: Provider, kind: Kind, scopes: &str) -> Token {
    let upset = state.switches.of(provider);
    let usual = match (provider, kind) {
        (_, Kind::Personal) => None,
        (Provider::Github, Kind::Installation) => Some(3600),
        (Provider::Github, Kind::Oauth) => upset.tokens_expire.then_some(8 * 3600),
        (Provider::Gitlab, _) => Some(7200),
        (Provider::Forgejo, _) => Some(3600),
    };
    let seconds = usual.map(|usual| upset.token_seconds.unwrap_or(usual));
    let prefix = match (provider, kind) {
        (Provider::Github, Kind::Oauth) => "gho_",
        (Provider::Github, Kind::Personal) => "ghp_",
        (Provider::Github, Kind::Installation) => "ghs_",
        (Provider::Gitlab, Kind::Personal) => "glpat-",
        (Provider::Gitlab | Provider::Forgejo, _) => "",
    };
    let now = Timestamp::now();
    let seconds = seconds.map(|seconds| i64::try_from(seconds).unwrap_or(i64::MAX));
    let token = Token {
        provider,
        access: random(prefix),
        refresh: (seconds.is_some() && kind == Kind::Oauth).then(|| random("r_")),
        scopes: scopes.to_owned(),
        kind,
        issued_at: now,
        expires_at: seconds.map(|seconds| now + SignedDuration::from_secs(seconds)),
        is_revoked: false,
        is_refreshed: false,
    };
    state.tokens.push(token.clone());
    token
}

impl Token {
    /// Seconds that are left; for answers.
    pub(crate) fn expires_in(&self) -> Option<i64> {
        Some(self.expires_at?.as_second() - self.issued_at.as_second())
    }

    pub(crate) fn is_good(&self) -> bool {
        !self.is_revoked && self.expires_at.is_none_or(|end| end > Timestamp::now())
    }

    /// Whether one of these scopes was granted; a token without scopes is good for everything where scopes are not asked for.
    pub(crate) fn has_scope(&self, any_of: &[&str]) -> bool {
        self.kind == Kind::Installation
            || self.scopes.split([' ', ',']).any(|scope| any_of.contains(&scope))
    }
}

impl State {
    /// The token that the request carries, good or not.
    pub(crate) fn token_of(&self, call: &Call) -> Option<&Token> {
        let given = call.token()?;
        self.tokens.iter().find(|token| token.provider == call.provider && token.access == given)
    }

    /// Ends a token; whether it was there and good. A refresh token ends its grant as well.
    pub(crate) fn revoke(&mut self, provider: Provider, text: &str) -> bool {
        let of_provider = self.tokens.iter_mut().filter(|token| token.provider == provider);
        let is =
            |token: &&mut Token| token.access == text || token.refresh.as_deref() == Some(text);
        let mut was_good = false;
        for token in of_provider.filter(is) {
            was_good |= !token.is_revoked;
            token.is_revoked = true;
        }
        was_good
    }

    /// Makes every code older than it can be used.
    pub(crate) fn expire_codes(&mut self) {
        for code in &mut self.codes {
            code.expires_at = Timestamp::UNIX_EPOCH;
        }
    }
}

fn random(prefix: &str) -> String {
    format!("{prefix}{}", hex::encode(rand::random::<[u8; 20]>()))
}
