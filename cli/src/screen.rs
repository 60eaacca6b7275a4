//! Where words go: what was asked for to standard output, everything else to standard error. Colours and progress are for
//! terminals only.

use std::{
    io::{self, BufRead as _, IsTerminal as _, Read as _, Write as _},
    time::Duration,
};

use anstyle::{AnsiColor, Style};
use console::Term;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use secrecy::SecretString;
use serde::Serialize;
use serde_json::json;

use crate::{error::Error, show::plain};

const TICK: Duration = Duration::from_millis(100);
/// No secret is longer.
const LONGEST_SECRET: u64 = 64 * 1024;

/// The terminal, or what stands in its place.
#[derive(Debug)]
pub(crate) struct Screen {
    json: bool,
}

impl Screen {
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    /// Whether a program is to read this.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// Text for people.
    pub(crate) fn text(&self, text: &str) -> Result<(), Error> {
        if self.json { Ok(()) } else { write(text) }
    }

    /// For programs: an object on a line of its own.
    pub(crate) fn object(&self, object: &impl Serialize) -> Result<(), Error> {
        if !self.json {
            return Ok(());
        }
        let text = serde_json::to_string(object).map_err(io::Error::from)?;
        write(&(text + "\n"))
    }

    /// What was asked for: the object for programs, the text for people.
    pub(crate) fn answer(
        &self,
        object: &impl Serialize,
        text: impl FnOnce() -> String,
    ) -> Result<(), Error> {
        if self.json { self.object(object) } else { write(&text()) }
    }

    /// A word to people beside the answer.
    pub(crate) fn note(&self, text: &str) {
        if !self.json {
            // Nobody can be told that nobody can be told.
            let _ = writeln!(anstream::stderr(), "{text}");
        }
    }

    /// What went wrong, and what to do about it.
    pub(crate) fn problem(&self, error: &Error) {
        if error.is_broken_pipe() {
            return;
        }
        let mut out = anstream::stderr().lock();
        if self.json {
            let problem = json!({ "error": error.to_string(), "hint": error.hint() });
            let _ = writeln!(out, "{problem}");
            return;
        }
        let style = Style::new().bold().fg_color(Some(AnsiColor::Red.into()));
        let _ = writeln!(out, "{style}error:{style:#} {error}");
        if let Some(hint) = error.hint() {
            let _ = writeln!(out, "{hint}");
        }
    }

    /// Asks; anything but yes is no. `None` when there is nobody to be asked.
    pub(crate) fn ask(&self, question: &str) -> Result<Option<bool>, Error> {
        if self.json || !io::stdin().is_terminal() || !io::stderr().is_terminal() {
            return Ok(None);
        }
        prompt(&format!("{question} [y/N]"))?;
        let mut answer = String::new();
        io::stdin().lock().read_line(&mut answer)?;
        Ok(Some(["y", "yes"].contains(&answer.trim().to_lowercase().as_str())))
    }

    /// Asks for a line; `None` when there is nobody to be asked, or nothing is answered.
    pub(crate) fn line(&self, question: &str) -> Result<Option<String>, Error> {
        if self.json || !io::stdin().is_terminal() || !io::stderr().is_terminal() {
            return Ok(None);
        }
        prompt(question)?;
        let mut answer = String::new();
        io::stdin().lock().read_line(&mut answer)?;
        Ok(Some(answer.trim().to_owned()).filter(|answer| !answer.is_empty()))
    }

    /// A secret: asked for without showing it where there is a terminal, else all of standard input.
    pub(crate) fn secret(question: &str) -> Result<SecretString, Error> {
        if io::stdin().is_terminal() {
            prompt(question)?;
            return Ok(Term::stderr().read_secure_line()?.into());
        }
        let mut secret = String::new();
        io::stdin().lock().take(LONGEST_SECRET).read_to_string(&mut secret)?;
        Ok(secret.into())
    }

    /// Whether a person sees what we write.
    pub(crate) fn is_seen(&self) -> bool {
        !self.json && io::stdout().is_terminal()
    }

    /// Something that moves while we wait, on standard error.
    pub(crate) fn progress(&self, length: Option<u64>) -> Progress {
        let is_seen = !self.json && io::stderr().is_terminal();
        let target =
            if is_seen { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let (bar, template) = match length {
            Some(length) => (ProgressBar::new(length), "{bar:30} {pos}/{len} {msg}"),
            None => (ProgressBar::new_spinner(), "{spinner} {msg} {elapsed}"),
        };
        bar.set_draw_target(target);
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.enable_steady_tick(TICK);
        Progress { bar }
    }
}

fn prompt(question: &str) -> Result<(), Error> {
    let mut out = anstream::stderr();
    write!(out, "{question} ")?;
    Ok(out.flush()?)
}

fn write(text: &str) -> Result<(), Error> {
    // It leaves colours out where nobody could see them, and where NO_COLOR says so.
    let mut out = anstream::stdout().lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}

/// What a person needs even when a program reads the answer.
pub(crate) fn beside(text: &str) {
    let _ = writeln!(anstream::stderr(), "{}", plain(text));
}

/// Text that is the same for people and programs.
pub(crate) fn verbatim(text: &str) -> Result<(), Error> {
    write(text)
}

/// What moves while we wait; it is gone when it is dropped.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// What we wait for.
    pub(crate) fn say(&self, message: String) {
        self.bar.set_message(message);
    }

    /// One more is done.
    pub(crate) fn step(&self) {
        self.bar.inc(1);
    }

    /// Lets something be written without the two getting in each other's way.
    pub(crate) fn aside<T>(&self, write: impl FnOnce() -> T) -> T {
        self.bar.suspend(write)
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
