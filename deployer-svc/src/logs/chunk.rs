//! Lines of a build as they are kept: newline-separated JSON, deflated.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};

use flate2::{Compression, read::DeflateDecoder, write::DeflateEncoder};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What a chunk may unpack to: far more than is ever packed into one.
const LARGEST: u64 = 4 << 20;

/// A line of a build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct BuildLine {
    pub(super) at: Timestamp,
    /// `<task>/<step>`.
    pub(super) origin: String,
    pub(super) text: String,
}

impl BuildLine {
    /// About what it takes.
    pub(super) fn size(&self) -> usize {
        self.origin.len() + self.text.len() + size_of::<Timestamp>()
    }
}

pub(super) fn pack(lines: &[BuildLine]) -> io::Result<Vec<u8>> {
    let mut packed = DeflateEncoder::new(Vec::new(), Compression::default());
    for line in lines {
        serde_json::to_writer(&mut packed, line)?;
        packed.write_all(b"\n")?;
    }
    packed.finish()
}

pub(super) fn unpack(data: &[u8]) -> io::Result<Vec<BuildLine>> {
    let lines = BufReader::new(DeflateDecoder::new(data).take(LARGEST)).lines();
    lines.map(|line| Ok(serde_json::from_str(&line?)?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_out_as_they_went_in() {
        let line = |text: &str| BuildLine {
            at: "2026-11-23T10:51:09.000104378Z".parse().unwrap(),
            origin: "build/push".to_owned(),
            text: text.to_owned(),
        };
        let lines = [line("one"), line(""), line("two\r\nlines \0 \u{fffd} \"")];
        assert_eq!(unpack(&pack(&lines).unwrap()).unwrap(), lines);
    }

    #[test]
    fn what_is_no_chunk_is_an_error_and_not_a_panic() {
        assert!(unpack(b"nothing of the kind").is_err());
        assert!(unpack(&[]).is_err());
    }

    #[test]
    fn a_chunk_that_would_not_end_is_cut_off() {
        let mut bomb = DeflateEncoder::new(Vec::new(), Compression::best());
        let megabyte = vec![b' '; 1 << 20];
        for _ in 0..8 {
            bomb.write_all(&megabyte).unwrap();
        }
        assert!(unpack(&bomb.finish().unwrap()).is_err());
    }
}
