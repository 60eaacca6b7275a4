//! Every request: which provider it is for, what is upset there just now, the answer, the journal.

use std::{sync::Arc, time::Duration};

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Bytes, Data},
};
use jiff::Timestamp;

use crate::{
    answer::Answer,
    control,
    dispatch::{self, Dispatch},
    forgejo, github, gitlab,
    request::Call,
    state::{Provider, State},
    switches::Failure,
    world::World,
};

/// What a request comes to.
pub(crate) struct Outcome {
    pub(crate) answer: Answer,
    /// Deliveries that follow from it.
    pub(crate) dispatches: Vec<Dispatch>,
    /// The answer when one of them fails, for a request that waits for them.
    pub(crate) unless_delivered: Option<Answer>,
    /// A hook that is to go: its repository and its number.
    pub(crate) removes_hook: Option<(u64, u64)>,
}

impl From<Answer> for Outcome {
    fn from(answer: Answer) -> Self {
        Self { answer, dispatches: Vec::new(), unless_delivered: None, removes_hook: None }
    }
}

/// Takes any request.
pub(crate) async fn handle(request: HttpRequest, body: Bytes, world: Data<World>) -> HttpResponse {
    let world = world.into_inner();
    if request.path().starts_with("/forge") && !request.path().starts_with("/forgejo") {
        return control::handle(&request, &body, &world).await;
    }
    let Some(call) = Call::of(&request, body) else {
        return Answer::text(404, "text/plain", crate::NOTICE).into_response();
    };
    let answer = answer(&world, &call).await;
    world.journal(|journal| journal.write(&call, answer.status, notes(&call)));
    answer.into_response()
}

async fn answer(world: &Arc<World>, call: &Call) -> Answer {
    let (slow, before) = world.with(|state| upset(state, call));
    if !slow.is_zero() {
        tokio::time::sleep(slow).await;
    }
    let lost = match before {
        Some(Refusal::Now(answer)) => return answer,
        Some(Refusal::AfterEffect(failure)) => Some(failure),
        None => None,
    };
    let outcome = world.with(|state| {
        let outcome = match call.provider {
            Provider::Github => github::answer(state, &world.options, call),
            Provider::Gitlab => gitlab::answer(state, &world.options, call),
            Provider::Forgejo => forgejo::answer(state, &world.options, call),
        };
        if let Some((repo, hook)) = outcome.removes_hook {
            state.remove_hook(call.provider, repo, hook);
        }
        outcome
    });
    let mut answer = outcome.answer;
    if let Some(otherwise) = outcome.unless_delivered {
        let attempts = dispatch::send_all(world, outcome.dispatches).await;
        if attempts.iter().any(|attempt| !attempt.is_success()) {
            answer = otherwise;
        }
    } else if !outcome.dispatches.is_empty() {
        let world = Arc::clone(world);
        actix_web::rt::spawn(async move {
            dispatch::send_all(&world, outcome.dispatches).await;
        });
    }
    lost.map_or(answer, |failure| broken(call.provider, failure.status))
}

enum Refusal {
    Now(Answer),
    AfterEffect(Failure),
}

/// How long the request waits, and whether it gets an answer at all.
fn upset(state: &mut State, call: &Call) -> (Duration, Option<Refusal>) {
    let limited = state.limited_until.get(&call.provider).copied();
    let upset = state.switches.of_mut(call.provider);
    let slow = Duration::from_millis(upset.slow_ms);
    if upset.down {
        return (slow, Some(Refusal::Now(broken(call.provider, 503))));
    }
    if let Some(failure) = upset.failure(&call.method, &call.path) {
        let refusal = if failure.after_effect {
            Refusal::AfterEffect(failure)
        } else {
            Refusal::Now(broken(call.provider, failure.status))
        };
        return (slow, Some(refusal));
    }
    let is_api = call.segments.first().is_some_and(|first| first == "api");
    let left = limited.map(|end| end.as_second() - Timestamp::now().as_second());
    let refusal = left.filter(|left| is_api && *left > 0).map(|left| match call.provider {
        Provider::Github => github::limited(left, upset.secondary_limit),
        Provider::Gitlab => gitlab::limited(left),
        Provider::Forgejo => forgejo::limited(left),
    });
    (slow, refusal.map(Refusal::Now))
}

/// An error that a proxy in front of the provider might give.
fn broken(provider: Provider, status: u16) -> Answer {
    if provider != Provider::Github && status >= 500 {
        return Answer::html(status, "The server is not available");
    }
    Answer::json(status, serde_json::json!({ "message": "Server Error" }))
}

/// What the real one would not like.
fn notes(call: &Call) -> Vec<String> {
    let mut notes = Vec::new();
    if call.header("user-agent").is_empty() {
        notes.push("no User-Agent".to_owned());
    }
    let is_api = call.segments.first().is_some_and(|first| first == "api");
    if call.provider == Provider::Github && is_api {
        if call.header("accept") != "application/vnd.github+json" {
            notes.push("Accept is not application/vnd.github+json".to_owned());
        }
        if call.header("x-github-api-version").is_empty() {
            notes.push("no X-GitHub-Api-Version".to_owned());
        }
    }
    if !call.body.is_empty() && call.content_type().is_empty() {
        notes.push("no Content-Type".to_owned());
    }
    notes
}
