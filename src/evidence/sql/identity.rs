//! Whose a store is, in a table that is made where it is missing.

use super::{Sql, values};
use crate::evidence::failure::Failure;
use crate::evidence::identity::StoreClock;
use crate::evidence::model::StoreError;

/// Takes the store for an operator on this clock, for ever, and returns the store's identity.
pub(super) fn claim(sql: &mut dyn Sql, clock: StoreClock, shown: &str) -> Result<String, Failure> {
    sql.make_table("identity", sql.dialect().make_identity)?;
    // A store of a version that had no identities, and is in use, is a real one.
    sql.execute(sql.dialect().first_identity, values![clock.as_str()])?;
    let found = sql.first("SELECT id, clock FROM identity", &[], |row| Ok((row.string(0)?, row.string(1)?)))?;
    let (id, found) = found.ok_or_else(|| StoreError::Corrupt("the identity is gone".to_owned()))?;
    clock.check(&found, shown)?;
    Ok(id)
}
