//! Points in time, between our type and the protocol's.

use jiff::Timestamp;

/// For a message.
pub(crate) fn to_proto(time: Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds: time.as_second(), nanos: time.subsec_nanosecond() }
}

/// From a message; `None` when it is out of range.
pub(crate) fn from_proto(time: &prost_types::Timestamp) -> Option<Timestamp> {
    Timestamp::new(time.seconds, time.nanos).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_survives_the_way_there_and_back() {
        let time: Timestamp = "2026-11-23T10:51:09.000104378Z".parse().unwrap();
        assert_eq!(from_proto(&to_proto(time)), Some(time));
    }
}
