//! Which migrations the database has seen, and who may still run on it.

use super::{
    Error, Store,
    connection::within,
    sql::{row, rows},
};

impl Store {
    /// Versions of the migrations that were applied; `None` where `migrate` never ran.
    pub async fn migrations(&self) -> Result<Option<Vec<i32>>, Error> {
        const EXISTS: &str = "select 1 where to_regclass('refinery_schema_history') is not null";
        within(async {
            let client = self.client().await?;
            if row(&client, EXISTS, &[]).await?.is_none() {
                return Ok(None);
            }
            let applied = rows(&client, "select version from refinery_schema_history", &[]).await?;
            applied.iter().map(|row| Ok(row.try_get(0)?)).collect::<Result<_, _>>().map(Some)
        })
        .await
    }

    /// The version that a program must know to run on this schema; `None` before the migration that brings it.
    pub async fn schema_floor(&self) -> Result<Option<i32>, Error> {
        const EXISTS: &str = "select 1 where to_regclass('schema_floor') is not null";
        within(async {
            let client = self.client().await?;
            if row(&client, EXISTS, &[]).await?.is_none() {
                return Ok(None);
            }
            let floor = row(&client, "select version from schema_floor", &[]).await?;
            floor.map(|row| Ok(row.try_get(0)?)).transpose()
        })
        .await
    }
}
