//! What a refusal means to whoever asked.

use reqwest::{Response, StatusCode, header::RETRY_AFTER};

use crate::{error::Error, model::Problem, show::plain};

/// More than this of a refusal is not read.
const LONGEST_REFUSAL: usize = 4096;

/// Reads why the platform said no. The token is not repeated, even if the other end does.
pub(super) async fn refusal(answer: Response, token: &str) -> Error {
    let (status, comes_back) = (answer.status(), answer.headers().contains_key(RETRY_AFTER));
    let why = why(answer).await.unwrap_or_else(|| status.to_string());
    let why = plain(&why.replace(token, "<token>"));
    // The same request is still being worked on: the platform says when to ask again.
    if status == StatusCode::CONFLICT && comes_back {
        return Error::Unavailable(why);
    }
    of_status(status, why)
}

async fn why(mut answer: Response) -> Option<String> {
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = answer.chunk().await {
        body.extend_from_slice(&chunk);
        if body.len() > LONGEST_REFUSAL {
            return None;
        }
    }
    Some(serde_json::from_slice::<Problem>(&body).ok()?.error)
}

fn of_status(status: StatusCode, why: String) -> Error {
    match status.as_u16() {
        400 | 413 | 422 => Error::Usage(format!("the platform does not accept it: {why}")),
        401 => Error::NotAuthorised(why),
        403 => Error::Forbidden(why),
        404 => Error::NotFound(why),
        408 | 429 | 502..=504 => Error::Unavailable(why),
        409 => Error::Refused(why),
        300..=399 => {
            Error::Unexpected("it leads elsewhere, and the token is not sent there".to_owned())
        }
        _ => Error::Unexpected(why),
    }
}

/// The innermost cause, which is what a person can do something about; without the URL, which may be long.
pub(super) fn cause(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut cause: &dyn std::error::Error = &error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    if error.is_timeout() { "no answer in time".to_owned() } else { plain(&cause.to_string()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;

    #[test]
    fn each_status_ends_with_its_code() {
        for (status, exit) in [
            (400, Exit::Usage),
            (401, Exit::NotAuthorised),
            (403, Exit::NotAuthorised),
            (404, Exit::NotFound),
            (409, Exit::Refused),
            (422, Exit::Usage),
            (429, Exit::Unavailable),
            (503, Exit::Unavailable),
            (301, Exit::Other),
            (405, Exit::Other),
            (500, Exit::Other),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(of_status(status, String::new()).exit(), exit, "{status}");
        }
    }
}
