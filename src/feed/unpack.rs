//! Archives, unpacked within the bounds of an answer: what is unpacked is counted while it grows, before any of it is read.

use std::io::{Cursor, Read};

use zip::ZipArchive;
use zip::read::ZipFile;

use crate::api::feed::Unpack;
use crate::outbound::body::{BodyLimits, BodyReader, Encoding};
use crate::outbound::error::{FailureKind, FetchError, presentable};

/// Bytes that a file or a workbook may have unpacked, and for each byte that was sent.
const LIMITS: BodyLimits = BodyLimits { largest: 10 * 1_024 * 1_024, largest_ratio: 100 };
/// Small archives of very regular text may grow beyond the ratio.
const ALWAYS_ALLOWED: usize = 64 * 1_024;
/// Bytes of XML that a workbook may have: it repeats each cell's place and style.
const LARGEST_WORKBOOK: usize = 40 * 1_024 * 1_024;
/// Files of one archive.
const MOST_FILES: usize = 1_000;
/// Bytes that are unpacked at once.
const PIECE: usize = 64 * 1_024;

fn malformed(message: impl AsRef<str>) -> FetchError {
    FetchError::new(FailureKind::Malformed, message)
}

/// The files of an archive, in its order.
///
/// # Errors
/// `TooLarge` beyond the bounds; `Malformed` where it is not such an archive, is encrypted, or holds an archive or nothing.
pub(crate) fn unpacked(kind: Unpack, body: &[u8]) -> Result<Vec<Vec<u8>>, FetchError> {
    let files = match kind {
        Unpack::Gzip => {
            let mut reader = BodyReader::new(LIMITS, Encoding::Gzip);
            reader.push(body)?;
            vec![reader.finish()?]
        }
        Unpack::Zip => files_of(body)?,
    };
    if files.is_empty() {
        return Err(malformed("the archive holds no file"));
    }
    for file in &files {
        if file.starts_with(b"PK\x03\x04") || file.starts_with(b"\x1f\x8b") {
            return Err(malformed("the archive holds an archive, which is not unpacked again"));
        }
    }
    Ok(files)
}

fn files_of(body: &[u8]) -> Result<Vec<Vec<u8>>, FetchError> {
    let mut budget = Budget::new(body.len(), LIMITS.largest);
    let mut files = Vec::new();
    each_file(body, |name, file| {
        let mut kept = Vec::new();
        budget.inflate(file, |piece| kept.extend_from_slice(piece))?;
        // What some systems add about files is not a file.
        if !name.starts_with("__MACOSX/") && !name.ends_with("/.DS_Store") {
            files.push(kept);
        }
        Ok(())
    })?;
    Ok(files)
}

/// Inflates every part of a workbook once, without keeping it, so that nothing of it can grow beyond the bounds when it is read.
///
/// # Errors
/// As [`unpacked`]; `Malformed` also where a part has a document type.
pub(crate) fn check_workbook(body: &[u8]) -> Result<(), FetchError> {
    let mut budget = Budget::new(body.len(), LARGEST_WORKBOOK);
    each_file(body, |_, file| {
        let mut end_of_last: Vec<u8> = Vec::new();
        let mut has_document_type = false;
        budget.inflate(file, |piece| {
            let kept = end_of_last.len().saturating_sub(DOCUMENT_TYPE.len());
            end_of_last.drain(..kept);
            end_of_last.extend_from_slice(piece);
            has_document_type |= end_of_last.windows(DOCUMENT_TYPE.len()).any(|window| window == DOCUMENT_TYPE);
        })?;
        if has_document_type {
            return Err(malformed("a part of the workbook has a document type, which is not read"));
        }
        Ok(())
    })
}

const DOCUMENT_TYPE: &[u8] = b"<!DOCTYPE";

fn each_file(
    body: &[u8],
    mut visit: impl FnMut(&str, ZipFile<'_, Cursor<&[u8]>>) -> Result<(), FetchError>,
) -> Result<(), FetchError> {
    let unreadable = |error: zip::result::ZipError| malformed(format!("the body is not a whole zip: {error}"));
    let mut archive = ZipArchive::new(Cursor::new(body)).map_err(unreadable)?;
    if archive.len() > MOST_FILES {
        let message = format!("the archive has {} files: at most {MOST_FILES} are unpacked", archive.len());
        return Err(FetchError::new(FailureKind::TooLarge, message));
    }
    for number in 0..archive.len() {
        let file = archive.by_index_raw(number).map_err(unreadable)?;
        if file.encrypted() {
            return Err(malformed("the archive is encrypted: send it without a password, over TLS"));
        }
        let (is_dir, name) = (file.is_dir(), file.name().map(|name| name.into_owned()).unwrap_or_default());
        drop(file);
        if !is_dir {
            visit(&name, archive.by_index(number).map_err(unreadable)?)?;
        }
    }
    Ok(())
}

/// What is left of the bounds while the files of an archive are inflated one after the other.
struct Budget {
    left: usize,
    message: String,
}

impl Budget {
    fn new(sent: usize, largest: usize) -> Self {
        let by_ratio = sent.saturating_mul(LIMITS.largest_ratio).max(ALWAYS_ALLOWED);
        let message = if by_ratio < largest {
            format!("the archive expands to more than {} times its size", LIMITS.largest_ratio)
        } else {
            format!("the archive grows to more than {largest} bytes: export a shorter time")
        };
        Budget { left: largest.min(by_ratio), message }
    }

    fn inflate(&mut self, mut file: impl Read, mut take: impl FnMut(&[u8])) -> Result<(), FetchError> {
        let mut piece = vec![0; PIECE];
        loop {
            let count = file
                .read(&mut piece)
                .map_err(|error| malformed(format!("a file of the archive cannot be unpacked: {}", shown(&error))))?;
            if count == 0 {
                return Ok(());
            }
            self.left =
                self.left.checked_sub(count).ok_or_else(|| FetchError::new(FailureKind::TooLarge, &self.message))?;
            take(piece.get(..count).unwrap_or_default());
        }
    }
}

fn shown(error: &std::io::Error) -> String {
    presentable(&error.to_string(), 80)
}

#[cfg(test)]
mod tests;
