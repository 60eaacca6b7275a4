//! What a service measures with. Every instrument has a help text; labels come from enums; times are in seconds.

mod gauge;

use std::time::Duration;

use opentelemetry::{
    KeyValue,
    metrics::{self, Histogram},
};

pub use gauge::Gauge;

/// Declares the instruments of a service.
#[derive(Debug, Clone)]
pub struct Meter(metrics::Meter);

impl From<metrics::Meter> for Meter {
    fn from(meter: metrics::Meter) -> Self {
        Self(meter)
    }
}

impl Meter {
    /// The process's meter. What is declared before [`init`](crate::init) measures nothing.
    #[must_use]
    pub fn of(service: &'static str) -> Self {
        Self(opentelemetry::global::meter(service))
    }

    /// Counts upwards. Prometheus shows it as `<name>_total`.
    #[must_use]
    pub fn counter(&self, name: &'static str, help: &'static str) -> Counter {
        Counter(self.0.u64_counter(name).with_description(help).build())
    }

    /// Measures how long things take. Prometheus shows it as `<name>_seconds`.
    #[must_use]
    pub fn seconds(&self, name: &'static str, help: &'static str, buckets: Buckets) -> Seconds {
        let histogram = self.0.f64_histogram(name).with_unit("s").with_description(help);
        Seconds(histogram.with_boundaries(buckets.bounds().to_vec()).build())
    }

    /// A value that is set whenever it is known, and is absent from scrapes while it is not.
    #[must_use]
    pub fn gauge(&self, name: &'static str, unit: Unit, help: &'static str) -> Gauge {
        Gauge::new(&self.0, name, unit, help)
    }

    /// A value that is read at each scrape; `None` leaves it out. `read` must not wait for anything.
    pub fn observe(
        &self,
        name: &'static str,
        unit: Unit,
        help: &'static str,
        read: impl Fn() -> Option<f64> + Send + Sync + 'static,
    ) {
        self.observe_all(name, unit, help, move |observe| {
            if let Some(value) = read() {
                observe(value, &[]);
            }
        });
    }

    /// Like [`Meter::observe`], for several series: `read` calls back with each value and its labels.
    pub fn observe_all(
        &self,
        name: &'static str,
        unit: Unit,
        help: &'static str,
        read: impl Fn(&dyn Fn(f64, &[KeyValue])) + Send + Sync + 'static,
    ) {
        // The provider keeps what it calls back.
        self.0
            .f64_observable_gauge(name)
            .with_unit(unit.symbol())
            .with_description(help)
            .with_callback(move |observer| read(&|value, labels| observer.observe(value, labels)))
            .build();
    }
}

/// Counts upwards.
#[derive(Debug, Clone)]
pub struct Counter(metrics::Counter<u64>);

impl Counter {
    /// One more.
    pub fn one(&self, labels: &[KeyValue]) {
        self.0.add(1, labels);
    }

    /// So many more.
    pub fn add(&self, number: u64, labels: &[KeyValue]) {
        self.0.add(number, labels);
    }

    /// Shows the series at zero, so that a rate sees its first increase.
    pub fn start(&self, labels: &[KeyValue]) {
        self.0.add(0, labels);
    }
}

/// Measures how long things take.
#[derive(Debug, Clone)]
pub struct Seconds(Histogram<f64>);

impl Seconds {
    /// One took so long.
    pub fn record(&self, took: Duration, labels: &[KeyValue]) {
        self.0.record(took.as_secs_f64(), labels);
    }
}

/// What a gauge's value is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// A plain number; the name says of what.
    Number,
    /// Prometheus shows the gauge as `<name>_seconds`.
    Seconds,
}

impl Unit {
    fn symbol(self) -> &'static str {
        match self {
            Self::Number => "",
            Self::Seconds => "s",
        }
    }
}

/// Which times a histogram tells apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Buckets {
    /// A request or a call: 1 ms to 10 s.
    Call,
    /// Something with waiting in between: 5 ms to 2 min.
    Work,
    /// A build, a rollout, a deploy: 0.1 s to 1 h.
    Deploy,
}

impl Buckets {
    fn bounds(self) -> &'static [f64] {
        match self {
            Self::Call => {
                &[0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0]
            }
            Self::Work => {
                &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 30.0, 60.0, 120.0]
            }
            Self::Deploy => &[
                0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0,
                1800.0, 3600.0,
            ],
        }
    }
}

/// A label whose values are an enum: declare one with [`labels!`](crate::labels).
pub trait Label: Copy + 'static {
    /// The label's name.
    const KEY: &'static str;
    /// Every value that it can have.
    const ALL: &'static [Self];

    /// The value as it stands on a series.
    fn value(self) -> &'static str;

    /// For a measurement.
    fn label(self) -> KeyValue {
        KeyValue::new(Self::KEY, self.value())
    }
}

/// Declares an enum whose values are those of one label.
///
/// ```
/// use telemetry::Label as _;
///
/// telemetry::labels! {
///     /// Which limit was reached.
///     pub enum Limit as "limit" {
///         /// Of one address.
///         Address = "address",
///         /// Of one app.
///         App = "app",
///     }
/// }
/// assert_eq!(Limit::App.value(), "app");
/// assert_eq!(Limit::ALL.len(), 2);
/// ```
#[macro_export]
macro_rules! labels {
    (
        $(#[$meta:meta])*
        $vis:vis enum $name:ident as $key:literal {
            $($(#[$doc:meta])* $variant:ident = $value:literal),+ $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        $vis enum $name {
            $($(#[$doc])* $variant),+
        }

        impl $crate::Label for $name {
            const KEY: &'static str = $key;
            const ALL: &'static [Self] = &[$(Self::$variant),+];

            fn value(self) -> &'static str {
                match self {
                    $(Self::$variant => $value),+
                }
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::tests::scraped;

    labels! {
        /// How it went.
        enum Outcome as "outcome" {
            /// Well.
            Done = "done",
        }
    }

    #[test]
    fn a_counter_is_shown_with_its_help_and_from_zero_on() {
        let text = scraped(|meter| {
            let counter = meter.counter("paas_test_things", "Things that were done.");
            counter.start(&[Outcome::Done.label()]);
        });
        assert!(text.contains("# HELP paas_test_things_total Things that were done."), "{text}");
        assert!(text.contains("# TYPE paas_test_things_total counter"), "{text}");
        assert!(text.contains("paas_test_things_total{outcome=\"done\"} 0"), "{text}");
    }

    #[test]
    fn times_are_in_seconds_and_in_buckets_that_fit() {
        let text = scraped(|meter| {
            let histogram = meter.seconds("paas_test", "How long it took.", Buckets::Call);
            histogram.record(Duration::from_millis(3), &[]);
        });
        assert!(text.contains("# TYPE paas_test_seconds histogram"), "{text}");
        assert!(text.contains("paas_test_seconds_bucket{le=\"0.0025\"} 0"), "{text}");
        assert!(text.contains("paas_test_seconds_bucket{le=\"0.005\"} 1"), "{text}");
        assert!(text.contains("paas_test_seconds_sum 0.003"), "{text}");
    }

    #[test]
    fn what_is_not_known_is_not_shown() {
        let text = scraped(|meter| {
            meter.observe("paas_test_ready", Unit::Number, "Ready?", || Some(1.0));
            meter.observe("paas_test_safe", Unit::Number, "Safe?", || None);
        });
        assert!(text.contains("paas_test_ready 1"), "{text}");
        assert!(!text.contains("paas_test_safe"), "{text}");
    }
}
