//! The metrics of a pool of database connections, named by OpenTelemetry's conventions.

use std::{future::Future, time::Instant};

use opentelemetry::KeyValue;

use crate::instruments::{Buckets, Meter, Seconds, Unit};

const STATE: &str = "db.client.connection.state";

/// How a pool stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status {
    /// Connections that it may have.
    pub max: usize,
    /// Connections that it has.
    pub open: usize,
    /// Of those, how many nobody uses.
    pub idle: usize,
}

/// What is measured of one pool. A clone measures the same.
#[derive(Debug, Clone)]
pub struct Pool {
    waits: Seconds,
}

impl Pool {
    /// Measures the pool whose state `status` reads; a process has one.
    #[must_use]
    pub fn new(meter: &Meter, status: impl Fn() -> Status + Clone + Send + Sync + 'static) -> Self {
        let limit = status.clone();
        meter.observe(
            "db.client.connection.max",
            Unit::Number,
            "Connections to the database that this process holds at most.",
            move || Some(number(limit().max)),
        );
        meter.observe_all(
            "db.client.connection.count",
            Unit::Number,
            "Connections to the database, idle or used.",
            move |observe| {
                let Status { open, idle, .. } = status();
                observe(number(idle), &[KeyValue::new(STATE, "idle")]);
                observe(number(open.saturating_sub(idle)), &[KeyValue::new(STATE, "used")]);
            },
        );
        let waits = meter.seconds(
            "db.client.connection.wait_time",
            "How long it took to get a connection to the database.",
            Buckets::Call,
        );
        Self { waits }
    }

    /// Waits for a connection and measures how long that took, whether or not there was one.
    pub async fn timed<T>(&self, connection: impl Future<Output = T>) -> T {
        let asked = Instant::now();
        let connection = connection.await;
        self.waits.record(asked.elapsed(), &[]);
        connection
    }
}

#[expect(clippy::cast_precision_loss, reason = "a pool is far smaller")]
fn number(of: usize) -> f64 {
    of as f64
}

#[cfg(test)]
mod tests {
    use std::future;

    use super::*;
    use crate::metrics::tests::scraped;

    #[test]
    fn a_pool_shows_who_uses_it_and_who_waited() {
        let text = scraped(|meter| {
            let pool = Pool::new(meter, || Status { max: 16, open: 5, idle: 2 });
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(pool.timed(future::ready(())));
        });
        for line in [
            "db_client_connection_max 16",
            "db_client_connection_count{db_client_connection_state=\"idle\"} 2",
            "db_client_connection_count{db_client_connection_state=\"used\"} 3",
            "db_client_connection_wait_time_seconds_count 1",
        ] {
            assert!(text.contains(line), "{line}: {text}");
        }
    }
}
