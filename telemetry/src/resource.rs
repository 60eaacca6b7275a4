//! What says of every record whose it is.

use std::env;

use opentelemetry::KeyValue;
use opentelemetry_sdk::{
    Resource,
    resource::{EnvResourceDetector, TelemetryResourceDetector},
};

/// The service under its own name and version, each start of it an instance; `OTEL_RESOURCE_ATTRIBUTES` and
/// `OTEL_SERVICE_NAME` say otherwise where they are set.
pub(crate) fn of(service: &'static str) -> Resource {
    let builder = Resource::builder_empty()
        .with_attributes([
            KeyValue::new("service.name", service),
            // All crates of the workspace have one version.
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
            KeyValue::new("service.instance.id", uuid::Uuid::new_v4().to_string()),
        ])
        .with_detectors(&[
            Box::new(TelemetryResourceDetector),
            Box::new(EnvResourceDetector::new()),
        ]);
    match env::var("OTEL_SERVICE_NAME") {
        Ok(name) if !name.is_empty() => builder.with_service_name(name).build(),
        Ok(_) | Err(_) => builder.build(),
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::Key;

    use super::*;

    #[test]
    fn a_service_is_known_by_name_version_and_instance() {
        let resource = of("a-service");
        let value = |key| resource.get(&Key::new(key)).map(|value| value.to_string());
        assert_eq!(value("service.name").as_deref(), Some("a-service"));
        assert_eq!(value("service.version").as_deref(), Some(env!("CARGO_PKG_VERSION")));
        let other = of("a-service").get(&Key::new("service.instance.id"));
        assert_ne!(resource.get(&Key::new("service.instance.id")), other);
    }
}
