//! Every instrument of the ingress, and the values of their labels.

use std::time::{Duration, Instant};

use telemetry::{Buckets, Counter, Gauge, KeyValue, Label as _, Meter, Seconds, Unit};

use crate::{error::Error, health::PowerSafe, ledger, publish, receive::Budget, verify::Refusal};

telemetry::labels! {
    /// What became of a delivery.
    pub(crate) enum Verdict as "verdict" {
        /// Stored: it will be deployed, or superseded.
        Queued = "queued",
        /// GitHub asked whether anybody is there.
        Ping = "ping",
        /// No push.
        IgnoredEvent = "ignored_event",
        /// Another branch, or a tag.
        BranchMismatch = "branch_mismatch",
        /// Switched off, or paused by a rollback.
        AutoDeployDisabled = "auto_deploy_disabled",
        /// The head commit's message asks for it.
        SkippedByMessage = "skipped_by_message",
        /// Nothing that the app watches has changed.
        NoWatchedPath = "no_watched_path",
        /// The commit is live.
        Unchanged = "unchanged",
        /// The branch is gone.
        BranchDeleted = "branch_deleted",
        /// Another repository.
        RepositoryMismatch = "repository_mismatch",
        /// Authentic, but not JSON or not a push.
        Malformed = "malformed",
        /// GitHub and Forgejo: not signed.
        MissingSignature = "missing_signature",
        /// Signature or token do not hold.
        InvalidSignature = "invalid_signature",
        /// There is no such app, or it follows no repository of this provider.
        NoSource = "no_source",
        /// Over 25 MiB.
        TooLarge = "too_large",
        /// The body did not come in time.
        TooSlow = "too_slow",
        /// Neither JSON nor a form, or compressed.
        UnsupportedContentType = "unsupported_content_type",
        /// The sender went away.
        Incomplete = "incomplete",
        /// Trouble of ours: 503.
        Unavailable = "unavailable",
        /// Not authentic, in a flood of such: 429.
        RateLimited = "rate_limited",
    }
}

telemetry::labels! {
    /// How a row of the ledger ended.
    pub(crate) enum Row as "outcome" {
        /// It can be read.
        Written = "written",
        /// It did not fit in the queue, or could not be written.
        Dropped = "dropped",
    }
}

telemetry::labels! {
    /// What became of an event's commit status.
    pub(crate) enum StatusOutcome as "outcome" {
        /// The provider shows it.
        Set = "set",
        /// Trouble that may pass: it is tried again.
        Retried = "retried",
        /// Nothing to show: the state says nothing about the commit, or a later deploy of it says more.
        Skipped = "skipped",
        /// Nobody connected the provider.
        NotConnected = "not_connected",
        /// The provider says no, and would say so again.
        Refused = "refused",
        /// It was tried for a day.
        GivenUp = "given_up",
    }
}

telemetry::labels! {
    /// Who sent a delivery.
    pub(crate) enum Provider as "provider" {
        /// GitHub.
        Github = "github",
        /// GitLab.
        Gitlab = "gitlab",
        /// Forgejo or Gitea.
        Forgejo = "forgejo",
    }
}

telemetry::labels! {
    /// How publishing ended.
    pub(crate) enum Published as "outcome" {
        /// Acknowledged.
        Stored = "stored",
        /// Acknowledged as known already.
        Duplicate = "duplicate",
        /// Not acknowledged: whether it is stored is not known.
        Failed = "failed",
    }
}

telemetry::labels! {
    /// Who called back.
    pub(crate) enum Origin as "origin" {
        /// The pipeline's last task.
        Build = "build",
        /// Tekton's events controller.
        Tekton = "tekton",
    }
}

telemetry::labels! {
    /// What became of a callback.
    pub(crate) enum Heard as "verdict" {
        /// Stored for the deployer.
        Queued = "queued",
        /// About no build of ours, or not to be read.
        Ignored = "ignored",
        /// Token or password do not hold.
        Unauthenticated = "unauthenticated",
        /// There is no such deploy, or such events are not received here.
        Unknown = "unknown",
        /// Trouble of ours: 503.
        Unavailable = "unavailable",
    }
}

telemetry::labels! {
    /// Which limit a flood is beyond.
    pub(crate) enum Limit as "limit" {
        /// Failures from one client address.
        Address = "address",
        /// Failures for one app.
        App = "app",
    }
}

telemetry::labels! {
    /// How a sweep ended.
    pub(crate) enum Swept as "outcome" {
        /// Every app was looked after.
        Complete = "complete",
        /// Some had trouble, or a provider that limits us.
        Partial = "partial",
        /// It was not known which apps there are.
        Failed = "failed",
    }
}

telemetry::labels! {
    /// What a sweep found.
    pub(crate) enum Found as "what" {
        /// A push of which no delivery came.
        MissedPush = "missed_push",
        /// A delivery in GitHub's list that failed.
        FailedDelivery = "failed_delivery",
        /// A webhook that brings no pushes.
        BrokenWebhook = "broken_webhook",
    }
}

impl From<&Error> for Verdict {
    fn from(error: &Error) -> Self {
        match error {
            Error::MalformedJson => Self::Malformed,
            Error::IncompleteBody => Self::Incomplete,
            Error::NotAuthentic(Refusal::MissingSignature | Refusal::MissingForgejoSignature) => {
                Self::MissingSignature
            }
            Error::NotAuthentic(
                Refusal::InvalidSignature
                | Refusal::InvalidToken
                | Refusal::InvalidWebhookSignature,
            ) => Self::InvalidSignature,
            Error::NoSource(_) => Self::NoSource,
            Error::TooSlow => Self::TooSlow,
            Error::TooLarge => Self::TooLarge,
            Error::UnsupportedContentType => Self::UnsupportedContentType,
            Error::TooManyRequests(_) => Self::RateLimited,
            Error::CannotAccept(_) => Self::Unavailable,
            // No delivery is answered so.
            Error::CallbackToken
            | Error::TektonCredentials
            | Error::ApiToken
            | Error::Forbidden(_)
            | Error::BadRequest(_)
            | Error::CredentialToken
            | Error::Provider(_)
            | Error::NotConfigured(_)
            | Error::Later(..)
            | Error::Underway
            | Error::NotFound(_)
            | Error::MethodNotAllowed(_)
            | Error::Conflict(_)
            | Error::Invalid(_)
            | Error::CannotAnswer(_) => Self::Unavailable,
        }
    }
}

impl From<ledger::Verdict> for Verdict {
    fn from(verdict: ledger::Verdict) -> Self {
        match verdict {
            // The answer is the same.
            ledger::Verdict::Queued | ledger::Verdict::Duplicate => Self::Queued,
            ledger::Verdict::Unchanged => Self::Unchanged,
            ledger::Verdict::BranchMismatch => Self::BranchMismatch,
            ledger::Verdict::AutoDeployDisabled => Self::AutoDeployDisabled,
            ledger::Verdict::BranchDeleted => Self::BranchDeleted,
            ledger::Verdict::RepositoryMismatch => Self::RepositoryMismatch,
            ledger::Verdict::SkippedByMessage => Self::SkippedByMessage,
            ledger::Verdict::NoWatchedPath => Self::NoWatchedPath,
            ledger::Verdict::Ping => Self::Ping,
            ledger::Verdict::IgnoredEvent => Self::IgnoredEvent,
            ledger::Verdict::Malformed => Self::Malformed,
            ledger::Verdict::Unavailable => Self::Unavailable,
        }
    }
}

impl From<&Error> for Heard {
    fn from(error: &Error) -> Self {
        match error {
            Error::CallbackToken | Error::TektonCredentials => Self::Unauthenticated,
            Error::NotFound(_) => Self::Unknown,
            Error::CannotAccept(_) => Self::Unavailable,
            Error::MalformedJson
            | Error::IncompleteBody
            | Error::TooSlow
            | Error::TooLarge
            | Error::UnsupportedContentType
            // No callback is answered so.
            | Error::NotAuthentic(_)
            | Error::NoSource(_)
            | Error::TooManyRequests(_)
            | Error::ApiToken
            | Error::Forbidden(_)
            | Error::BadRequest(_)
            | Error::CredentialToken
            | Error::Provider(_)
            | Error::NotConfigured(_)
            | Error::Later(..)
            | Error::Underway
            | Error::MethodNotAllowed(_)
            | Error::Conflict(_)
            | Error::Invalid(_)
            | Error::CannotAnswer(_) => Self::Ignored,
        }
    }
}

impl From<paas_proto::events::Provider> for Provider {
    fn from(provider: paas_proto::events::Provider) -> Self {
        use paas_proto::events::Provider;
        match provider {
            Provider::Github => Self::Github,
            Provider::Gitlab | Provider::Unspecified => Self::Gitlab,
            Provider::Forgejo => Self::Forgejo,
        }
    }
}

/// Counts the rows of the ledger.
#[derive(Debug, Clone)]
pub(crate) struct LedgerRows(Counter);

impl LedgerRows {
    /// So many rows ended so.
    pub(crate) fn add(&self, row: Row, number: usize) {
        self.0.add(u64::try_from(number).unwrap_or(u64::MAX), &[row.label()]);
    }
}

/// What is measured.
#[derive(Debug)]
pub(crate) struct Metrics {
    deliveries: Counter,
    delivery: Seconds,
    publish: Seconds,
    callbacks: Counter,
    rate_limited: Counter,
    secret_matched: Counter,
    ledger_rows: Counter,
    commit_statuses: Counter,
    sweeps: Counter,
    sweep_found: Counter,
    sweep: Seconds,
    requests: Seconds,
    ready: Gauge,
    broker_power_safe: Gauge,
}

impl Metrics {
    /// Declares all of them, those of the database's pool excepted; counters begin at zero.
    pub(crate) fn new(
        meter: &Meter,
        bodies: &Budget,
        is_connected: impl Fn() -> bool + Send + Sync + 'static,
    ) -> Self {
        let bodies = bodies.clone();
        meter.observe(
            "paas_ingress_body_bytes_in_flight",
            Unit::Number,
            "Bytes of request bodies that are held in memory now.",
            move || Some(bodies.held().into()),
        );
        meter.observe(
            "paas_ingress_broker_connected",
            Unit::Number,
            "Whether there is a connection to NATS (1) or not (0).",
            move || Some(is_connected().into()),
        );
        let metrics = Self {
            deliveries: meter.counter(
                "paas_ingress_deliveries",
                "Deliveries by provider and by what became of them.",
            ),
            delivery: meter.seconds(
                "paas_ingress_delivery",
                "From the head of a delivery to its answer; with verdict=\"queued\" the time to the 202.",
                Buckets::Call,
            ),
            publish: meter.seconds(
                "paas_ingress_publish",
                "How long JetStream took to acknowledge a message, all attempts together.",
                Buckets::Call,
            ),
            callbacks: meter.counter(
                "paas_ingress_callbacks",
                "Words of builds by who sent them and by what became of them.",
            ),
            rate_limited: meter.counter(
                "paas_ingress_rate_limited",
                "Deliveries answered 429, by the limit that the flood is beyond.",
            ),
            secret_matched: meter.counter(
                "paas_ingress_secret_matched",
                "Authentic deliveries by which of the app's webhook secrets they showed.",
            ),
            ledger_rows: meter.counter(
                "paas_ingress_ledger_rows",
                "Rows of the ledger of deliveries, by whether they could be written.",
            ),
            commit_statuses: meter.counter(
                "paas_ingress_commit_statuses",
                "Events that a commit's status follows, by what became of it.",
            ),
            sweeps: meter.counter("paas_ingress_sweeps", "Sweeps by how they ended."),
            sweep_found: meter.counter(
                "paas_ingress_sweep_found",
                "What sweeps had to make up for, by what it was.",
            ),
            sweep: meter.seconds("paas_ingress_sweep", "How long a sweep took.", Buckets::Deploy),
            requests: meter.seconds(
                "http.server.request.duration",
                "Duration of HTTP requests by method, route and status.",
                Buckets::Call,
            ),
            ready: meter.gauge(
                "paas_ingress_ready",
                Unit::Number,
                "Whether deliveries can be accepted (1) or not (0), as /readyz says.",
            ),
            broker_power_safe: meter.gauge(
                "paas_ingress_broker_power_safe",
                Unit::Number,
                "Whether the broker writes to disk before it acknowledges: 1 yes, 0 no, -1 unknown.",
            ),
        };
        metrics.start();
        metrics
    }

    fn start(&self) {
        for provider in Provider::ALL {
            for verdict in Verdict::ALL {
                self.deliveries.start(&[provider.label(), verdict.label()]);
            }
        }
        for origin in Origin::ALL {
            for verdict in Heard::ALL {
                self.callbacks.start(&[origin.label(), verdict.label()]);
            }
        }
        for limit in Limit::ALL {
            self.rate_limited.start(&[limit.label()]);
        }
        for secret in ledger::Secret::ALL {
            self.secret_matched.start(&[secret.label()]);
        }
        for row in Row::ALL {
            self.ledger_rows.start(&[row.label()]);
        }
        for outcome in StatusOutcome::ALL {
            self.commit_statuses.start(&[outcome.label()]);
        }
        for outcome in Swept::ALL {
            self.sweeps.start(&[outcome.label()]);
        }
        for what in Found::ALL {
            self.sweep_found.start(&[what.label()]);
        }
    }

    /// A delivery was answered.
    pub(crate) fn delivered(&self, provider: Provider, verdict: Verdict, took: Duration) {
        let labels = [provider.label(), verdict.label()];
        self.deliveries.one(&labels);
        self.delivery.record(took, &labels);
    }

    /// Publishes a message, and measures how that went.
    pub(crate) async fn publishing(
        &self,
        message: impl Future<Output = Result<Published, publish::Error>>,
    ) -> Result<Published, publish::Error> {
        let began = Instant::now();
        let published = message.await;
        let outcome = *published.as_ref().unwrap_or(&Published::Failed);
        self.publish.record(began.elapsed(), &[outcome.label()]);
        published
    }

    /// A callback was answered.
    pub(crate) fn called_back(&self, origin: Origin, verdict: Heard) {
        self.callbacks.one(&[origin.label(), verdict.label()]);
    }

    /// A delivery was answered 429.
    pub(crate) fn rate_limited(&self, limit: Limit) {
        self.rate_limited.one(&[limit.label()]);
    }

    /// An authentic delivery showed this one.
    pub(crate) fn secret_matched(&self, secret: ledger::Secret) {
        self.secret_matched.one(&[secret.label()]);
    }

    /// For the ledger, which outlives no service.
    pub(crate) fn ledger_rows(&self) -> LedgerRows {
        LedgerRows(self.ledger_rows.clone())
    }

    /// An event that a commit's status follows was handled.
    pub(crate) fn commit_status(&self, outcome: StatusOutcome) {
        self.commit_statuses.one(&[outcome.label()]);
    }

    /// A sweep ended.
    pub(crate) fn swept(&self, outcome: Swept, took: Duration) {
        self.sweeps.one(&[outcome.label()]);
        self.sweep.record(took, &[]);
    }

    /// A sweep found something.
    pub(crate) fn found(&self, what: Found) {
        self.sweep_found.one(&[what.label()]);
    }

    /// A request was answered; one to no route at all has no route.
    pub(crate) fn answered(
        &self,
        method: &'static str,
        route: Option<&str>,
        status: u16,
        took: Duration,
    ) {
        let method = KeyValue::new("http.request.method", method);
        let status = KeyValue::new("http.response.status_code", i64::from(status));
        match route {
            Some(route) => {
                let route = KeyValue::new("http.route", route.to_owned());
                self.requests.record(took, &[method, route, status]);
            }
            None => self.requests.record(took, &[method, status]),
        }
    }

    /// What `/readyz` would say.
    pub(crate) fn readiness(&self, is_ready: bool, broker: PowerSafe) {
        self.ready.set(is_ready.into(), &[]);
        let value = match broker {
            PowerSafe::Yes => 1.0,
            PowerSafe::No => 0.0,
            PowerSafe::Unknown => -1.0,
        };
        self.broker_power_safe.set(value, &[]);
    }
}
