//! A person's browser, if there is one.

use std::process::{Command, Stdio};

const OPENER: &str = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };

/// Opens an address; whether somebody took it on.
pub(super) fn open(url: &str) -> bool {
    // A program would take anything else for a file or for one of its own options.
    if !url.starts_with("https://") && !url.starts_with("http://") {
        return false;
    }
    let mut opener = Command::new(OPENER);
    opener.arg(url).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    opener.spawn().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_are_opened() {
        for other in ["file:///etc/passwd", "--help", "", "javascript:alert(1)"] {
            assert!(!open(other), "{other}");
        }
    }
}
