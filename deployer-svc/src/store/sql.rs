//! Statements, prepared once a connection.

use deadpool_postgres::GenericClient;
use tokio_postgres::{Row, types::ToSql};

use super::Error;

/// Parameters of a statement.
pub(super) type Params<'a> = &'a [&'a (dyn ToSql + Sync)];

/// How many rows the statement touched.
pub(super) async fn execute(
    client: &impl GenericClient,
    sql: &str,
    params: Params<'_>,
) -> Result<u64, Error> {
    let statement = client.prepare_cached(sql).await?;
    Ok(client.execute(&statement, params).await?)
}

/// All rows.
pub(super) async fn rows(
    client: &impl GenericClient,
    sql: &str,
    params: Params<'_>,
) -> Result<Vec<Row>, Error> {
    let statement = client.prepare_cached(sql).await?;
    Ok(client.query(&statement, params).await?)
}

/// The only row, if there is one.
pub(super) async fn row(
    client: &impl GenericClient,
    sql: &str,
    params: Params<'_>,
) -> Result<Option<Row>, Error> {
    let statement = client.prepare_cached(sql).await?;
    Ok(client.query_opt(&statement, params).await?)
}

/// Broker and domain count from zero, Postgres has no unsigned numbers.
pub(super) fn bigint(number: u64) -> Result<i64, Error> {
    i64::try_from(number).map_err(Error::permanent)
}
