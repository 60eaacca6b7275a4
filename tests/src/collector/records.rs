//! Spans, log records and metrics, as far as tests ask about them.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::{
    collector::{
        logs::v1::ExportLogsServiceRequest, metrics::v1::ExportMetricsServiceRequest,
        trace::v1::ExportTraceServiceRequest,
    },
    common::v1::{AnyValue, KeyValue, any_value::Value},
    metrics::v1::{metric::Data, number_data_point},
    resource::v1::Resource,
};

/// Everything that arrived.
#[derive(Debug, Default)]
pub struct Received {
    /// In the order of their arrival.
    pub spans: Vec<Span>,
    /// In the order of their arrival.
    pub logs: Vec<Log>,
    /// Each data point of each export.
    pub metrics: Vec<Metric>,
}

/// A span that ended.
#[derive(Debug, Clone)]
pub struct Span {
    /// `service.name`.
    pub service: String,
    /// `service.instance.id`: another one after a restart.
    pub instance: String,
    /// Its name.
    pub name: String,
    /// `SPAN_KIND_…` without that.
    pub kind: &'static str,
    /// Hex.
    pub trace: String,
    /// Hex.
    pub id: String,
    /// Hex; empty for the first of a trace.
    pub parent: String,
    /// As text.
    pub attributes: BTreeMap<String, String>,
    /// Traces and spans that it is linked to, hex.
    pub links: Vec<(String, String)>,
}

/// A log record.
#[derive(Debug, Clone)]
pub struct Log {
    /// `service.name`.
    pub service: String,
    /// The message.
    pub body: String,
    /// Hex; empty outside of a trace.
    pub trace: String,
    /// As text.
    pub attributes: BTreeMap<String, String>,
}

/// A data point of a metric.
#[derive(Debug, Clone)]
pub struct Metric {
    /// `service.name`.
    pub service: String,
    /// Its name by OpenTelemetry.
    pub name: String,
    /// Its labels.
    pub attributes: BTreeMap<String, String>,
    /// A count, a value, or how much a histogram holds.
    pub value: f64,
}

impl Received {
    /// Spans of a trace.
    #[must_use]
    pub fn trace(&self, id: &str) -> Vec<Span> {
        self.spans.iter().filter(|span| span.trace == id).cloned().collect()
    }

    pub(super) fn spans(&mut self, request: ExportTraceServiceRequest) {
        for of_resource in request.resource_spans {
            let resource = texts(of_resource.resource.map_or_else(Vec::new, |it| it.attributes));
            let spans = of_resource.scope_spans.into_iter().flat_map(|scope| scope.spans);
            self.spans.extend(spans.map(|span| {
                Span {
                    service: value(&resource, "service.name"),
                    instance: value(&resource, "service.instance.id"),
                    kind: span.kind().as_str_name().trim_start_matches("SPAN_KIND_"),
                    name: span.name,
                    trace: hex::encode(span.trace_id),
                    id: hex::encode(span.span_id),
                    parent: hex::encode(span.parent_span_id),
                    attributes: texts(span.attributes),
                    links: span
                        .links
                        .into_iter()
                        .map(|link| (hex::encode(link.trace_id), hex::encode(link.span_id)))
                        .collect(),
                }
            }));
        }
    }

    pub(super) fn logs(&mut self, request: ExportLogsServiceRequest) {
        for of_resource in request.resource_logs {
            let service = service(of_resource.resource);
            let records = of_resource.scope_logs.into_iter().flat_map(|scope| scope.log_records);
            self.logs.extend(records.map(|record| Log {
                service: service.clone(),
                body: record.body.map(text).unwrap_or_default(),
                trace: hex::encode(record.trace_id),
                attributes: texts(record.attributes),
            }));
        }
    }

    pub(super) fn metrics(&mut self, request: ExportMetricsServiceRequest) {
        for of_resource in request.resource_metrics {
            let service = service(of_resource.resource);
            for metric in of_resource.scope_metrics.into_iter().flat_map(|scope| scope.metrics) {
                let points = metric.data.map(points).unwrap_or_default();
                self.metrics.extend(points.into_iter().map(|(attributes, value)| Metric {
                    service: service.clone(),
                    name: metric.name.clone(),
                    attributes: texts(attributes),
                    value,
                }));
            }
        }
    }
}

fn points(data: Data) -> Vec<(Vec<KeyValue>, f64)> {
    let numbers = match data {
        Data::Gauge(gauge) => gauge.data_points,
        Data::Sum(sum) => sum.data_points,
        Data::Histogram(histogram) => {
            let points = histogram.data_points.into_iter();
            return points.map(|point| (point.attributes, number(point.count))).collect();
        }
        Data::ExponentialHistogram(_) | Data::Summary(_) => Vec::new(),
    };
    let points = numbers.into_iter().map(|point| {
        let value = match point.value {
            Some(number_data_point::Value::AsDouble(value)) => value,
            Some(number_data_point::Value::AsInt(value)) => number(value.unsigned_abs()),
            None => 0.0,
        };
        (point.attributes, value)
    });
    points.collect()
}

#[expect(clippy::cast_precision_loss, reason = "a test counts to a few")]
fn number(of: u64) -> f64 {
    of as f64
}

fn service(resource: Option<Resource>) -> String {
    value(&texts(resource.map_or_else(Vec::new, |it| it.attributes)), "service.name")
}

fn value(of: &BTreeMap<String, String>, key: &str) -> String {
    of.get(key).cloned().unwrap_or_default()
}

fn texts(attributes: Vec<KeyValue>) -> BTreeMap<String, String> {
    let pairs = attributes.into_iter();
    pairs.map(|pair| (pair.key, pair.value.map(text).unwrap_or_default())).collect()
}

fn text(value: AnyValue) -> String {
    match value.value {
        Some(Value::StringValue(text)) => text,
        Some(Value::BoolValue(value)) => value.to_string(),
        Some(Value::IntValue(value)) => value.to_string(),
        Some(Value::DoubleValue(value)) => value.to_string(),
        other => format!("{other:?}"),
    }
}
