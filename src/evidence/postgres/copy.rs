//! Rows on their way into a table by `COPY … FROM STDIN BINARY`, in blocks. The client's own writer waits for the connection at each row,
//! which takes more processor time than the row.
//!
//! The format is that of PostgreSQL's documentation, `COPY`, "Binary Format": a header; of each row the number of its fields, and of each field
//! its length and its bytes, of which a number has the highest first; at the end −1.

use std::io::Write;

use postgres::{Client, CopyInWriter};

use crate::evidence::failure::{Cause, Failure};

/// How many bytes are sent at once.
const BLOCK: usize = 64 << 10;

/// The signature, no flags, and no more header.
const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

/// The field of a row.
#[derive(Clone, Copy)]
pub(super) enum Field<'a> {
    /// Of a column `bigint`; `None` is NULL.
    Integer(Option<i64>),
    /// Of a column `smallint`.
    Small(i16),
    /// Of a column `bytea`.
    Bytes(&'a [u8]),
}

impl From<i64> for Field<'_> {
    fn from(number: i64) -> Self {
        Field::Integer(Some(number))
    }
}

/// A table that rows are copied into; without [`Self::finish`] none of them is.
pub(super) struct Copy<'c> {
    writer: CopyInWriter<'c>,
    block: Vec<u8>,
}

impl<'c> Copy<'c> {
    /// Begins with a statement that names table and columns.
    pub(super) fn begin(client: &'c mut Client, statement: &str) -> Result<Self, Failure> {
        Ok(Self { writer: client.copy_in(statement)?, block: HEADER.to_vec() })
    }

    pub(super) fn row<const N: usize>(&mut self, fields: [Field<'_>; N]) -> Result<(), Failure> {
        add_row(&mut self.block, &fields)?;
        if self.block.len() >= BLOCK {
            self.send()?;
        }
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<(), Failure> {
        self.block.extend((-1_i16).to_be_bytes());
        self.send()?;
        self.writer.finish()?;
        Ok(())
    }

    fn send(&mut self) -> Result<(), Failure> {
        let sent = self.writer.write_all(&self.block).and_then(|()| self.writer.flush());
        self.block.clear();
        sent.map_err(|error| match error.downcast::<postgres::Error>() {
            Ok(error) => error.into(),
            Err(error) => Failure::Database(Cause::Other, error.to_string()),
        })
    }
}

fn add_row(block: &mut Vec<u8>, fields: &[Field<'_>]) -> Result<(), Failure> {
    let too_long =
        |what: &str, count: usize| Failure::Database(Cause::Other, format!("{count} {what} are too many for a copy"));
    let count = i16::try_from(fields.len()).map_err(|_| too_long("fields of a row", fields.len()))?;
    block.extend(count.to_be_bytes());
    for field in fields {
        match field {
            Field::Integer(None) => block.extend((-1_i32).to_be_bytes()),
            Field::Integer(Some(number)) => {
                block.extend(8_i32.to_be_bytes());
                block.extend(number.to_be_bytes());
            }
            Field::Small(number) => {
                block.extend(2_i32.to_be_bytes());
                block.extend(number.to_be_bytes());
            }
            Field::Bytes(bytes) => {
                let length = i32::try_from(bytes.len()).map_err(|_| too_long("bytes of a field", bytes.len()))?;
                block.extend(length.to_be_bytes());
                block.extend(*bytes);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_its_fields_each_after_its_length() {
        let mut block = Vec::new();
        add_row(&mut block, &[Field::from(-2), Field::Small(4), Field::Bytes(b"row"), Field::Integer(None)]).unwrap();
        let expected: [&[u8]; 9] = [
            &[0, 4],
            &[0, 0, 0, 8],
            &[255, 255, 255, 255, 255, 255, 255, 254],
            &[0, 0, 0, 2],
            &[0, 4],
            &[0, 0, 0, 3],
            b"row",
            &[255, 255, 255, 255],
            &[],
        ];
        assert_eq!(block, expected.concat());
        assert_eq!(HEADER.len(), 19);
    }
}
