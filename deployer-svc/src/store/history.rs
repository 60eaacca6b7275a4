//! Which migrations the database has seen.

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
}
