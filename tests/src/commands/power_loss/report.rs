//! What was acknowledged, found and lost, side by side.

use anstream::println;
use comfy_table::{CellAlignment, Table, presets::UTF8_FULL_CONDENSED};
use e2e::servers::Durability;

/// One comparison.
#[derive(Debug, Clone)]
pub(super) struct Loss {
    pub(super) what: &'static str,
    pub(super) setting: &'static str,
    pub(super) durability: Durability,
    pub(super) acknowledged: usize,
    pub(super) found: usize,
}

impl Loss {
    /// How the broker was set.
    pub(super) fn setting_of_broker(durability: Durability) -> &'static str {
        match durability {
            Durability::Full => "sync_interval: always",
            Durability::None => "sync_interval by default",
        }
    }

    /// How Postgres was set.
    pub(super) fn setting_of_database(durability: Durability) -> &'static str {
        match durability {
            Durability::Full => "fsync on",
            Durability::None => "fsync off",
        }
    }

    fn lost(&self) -> usize {
        self.acknowledged - self.found
    }

    /// Whether it went as it has to.
    fn holds(&self, at_least: u64) -> bool {
        let is_enough = self.acknowledged as u64 >= at_least;
        let as_expected = match self.durability {
            Durability::Full => self.lost() == 0,
            Durability::None => self.lost() > 0,
        };
        is_enough && as_expected
    }
}

/// All of them.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) losses: Vec<Loss>,
    pub(super) at_least: u64,
}

impl Report {
    /// Whether production's settings lost nothing, and each control something.
    pub(super) fn holds(&self) -> bool {
        self.losses.iter().all(|loss| loss.holds(self.at_least))
    }

    pub(super) fn print(&self) {
        let mut table = Table::new();
        table.load_style(UTF8_FULL_CONDENSED).set_header([
            "after a power cut",
            "set to",
            "acknowledged",
            "found",
            "lost",
            "",
        ]);
        for loss in &self.losses {
            let expected = match (loss.holds(self.at_least), loss.durability) {
                (true, Durability::Full) => "nothing lost",
                (true, Durability::None) => "as expected of the control",
                (false, Durability::Full) => "FAILED",
                (false, Durability::None) => "FAILED: the cut took nothing",
            };
            table.add_row([
                loss.what.to_owned(),
                loss.setting.to_owned(),
                loss.acknowledged.to_string(),
                loss.found.to_string(),
                loss.lost().to_string(),
                expected.to_owned(),
            ]);
        }
        for column in table.column_iter_mut().skip(2).take(3) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        println!("\n{table}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loss(durability: Durability, found: usize) -> Loss {
        Loss { what: "pushes", setting: "", durability, acknowledged: 10, found }
    }

    #[test]
    fn production_may_lose_nothing() {
        assert!(loss(Durability::Full, 10).holds(10));
        assert!(!loss(Durability::Full, 9).holds(10));
    }

    #[test]
    fn a_control_that_loses_nothing_proves_nothing() {
        assert!(loss(Durability::None, 9).holds(10));
        assert!(!loss(Durability::None, 10).holds(10));
    }

    #[test]
    fn too_few_prove_nothing() {
        assert!(!loss(Durability::Full, 10).holds(11));
    }
}
