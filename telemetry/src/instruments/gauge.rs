//! A value that somebody sets now and then. The SDK's own gauge shows its last value for ever; this one can be taken
//! back.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use opentelemetry::{KeyValue, metrics::Meter};

use super::Unit;

type Reading = (Vec<KeyValue>, f64);

/// Shows what it was last set to, and nothing after it was cleared. A clone is the same gauge.
#[derive(Debug, Clone)]
pub struct Gauge(Arc<Mutex<Vec<Reading>>>);

impl Gauge {
    pub(super) fn new(meter: &Meter, name: &'static str, unit: Unit, help: &'static str) -> Self {
        let gauge = Self(Arc::default());
        let shown = gauge.clone();
        meter
            .f64_observable_gauge(name)
            .with_unit(unit.symbol())
            .with_description(help)
            .with_callback(move |observer| {
                for (labels, value) in shown.readings().iter() {
                    observer.observe(*value, labels);
                }
            })
            .build();
        gauge
    }

    /// The value of one series; the others stay.
    pub fn set(&self, value: f64, labels: &[KeyValue]) {
        let mut readings = self.readings();
        match readings.iter_mut().find(|(known, _)| known == labels) {
            Some((_, shown)) => *shown = value,
            None => readings.push((labels.to_vec(), value)),
        }
    }

    /// No value is known any more.
    pub fn clear(&self) {
        self.readings().clear();
    }

    fn readings(&self) -> MutexGuard<'_, Vec<Reading>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::tests::scraped;

    #[test]
    fn a_gauge_shows_its_last_value_for_each_label() {
        let text = scraped(|meter| {
            let gauge = meter.gauge("paas_test_lag", Unit::Seconds, "How far behind.");
            gauge.set(1.0, &[KeyValue::new("stream", "pushes")]);
            gauge.set(2.5, &[KeyValue::new("stream", "pushes")]);
            gauge.set(0.0, &[KeyValue::new("stream", "builds")]);
        });
        assert!(text.contains("# HELP paas_test_lag_seconds How far behind."), "{text}");
        assert!(text.contains("paas_test_lag_seconds{stream=\"pushes\"} 2.5"), "{text}");
        assert!(text.contains("paas_test_lag_seconds{stream=\"builds\"} 0"), "{text}");
    }

    #[test]
    fn a_cleared_gauge_is_absent() {
        let text = scraped(|meter| {
            let gauge = meter.gauge("paas_test_lag", Unit::Number, "How far behind.");
            gauge.set(1.0, &[]);
            gauge.clear();
        });
        assert!(!text.contains("paas_test_lag"), "{text}");
    }
}
