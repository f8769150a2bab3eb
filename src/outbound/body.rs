//! A response's body, decoded within bounds: how much one answer may occupy does not depend on who sends it.

use std::io::{self, Write};

use flate2::write::MultiGzDecoder;

use super::error::{Detail, FailureKind, FetchError};

/// What a body may be at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodyLimits {
    /// Bytes after decompression.
    pub largest: usize,
    /// Bytes after decompression for each byte received.
    pub largest_ratio: usize,
}

/// The encodings that a body may come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// As it is.
    Identity,
    /// Compressed with gzip.
    Gzip,
}

/// Takes a body in, piece by piece.
pub struct BodyReader {
    limits: BodyLimits,
    received: usize,
    decoder: Decoder,
}

enum Decoder {
    Identity(BoundedSink),
    Gzip(Box<MultiGzDecoder<BoundedSink>>),
}

/// Keeps what is written to it up to a bound, and refuses the rest.
struct BoundedSink {
    kept: Vec<u8>,
    bound: usize,
    overflowed: bool,
}

impl Write for BoundedSink {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        if self.kept.len() + piece.len() > self.bound {
            self.overflowed = true;
            return Err(io::Error::other("the body is too large"));
        }
        self.kept.extend_from_slice(piece);
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl BodyReader {
    /// A reader for one body.
    pub fn new(limits: BodyLimits, encoding: Encoding) -> Self {
        let sink = BoundedSink { kept: Vec::new(), bound: limits.largest, overflowed: false };
        let decoder = match encoding {
            Encoding::Identity => Decoder::Identity(sink),
            Encoding::Gzip => Decoder::Gzip(Box::new(MultiGzDecoder::new(sink))),
        };
        BodyReader { limits, received: 0, decoder }
    }

    /// How many bytes it holds, decoded.
    pub fn kept(&self) -> usize {
        match &self.decoder {
            Decoder::Identity(sink) => sink.kept.len(),
            Decoder::Gzip(decoder) => decoder.get_ref().kept.len(),
        }
    }

    /// Takes the next piece as it was received.
    ///
    /// # Errors
    /// `TooLarge` beyond the limits, `Malformed` where the piece is not gzip.
    pub fn push(&mut self, piece: &[u8]) -> Result<(), FetchError> {
        self.received = self.received.saturating_add(piece.len());
        let (largest, ratio) = (self.limits.largest, self.limits.largest_ratio);
        let outcome = match &mut self.decoder {
            Decoder::Identity(sink) => sink.write_all(piece),
            Decoder::Gzip(decoder) => {
                decoder.get_mut().bound = largest.min(self.received.saturating_mul(ratio));
                decoder.write_all(piece)
            }
        };
        outcome.map_err(|error| self.explain(&error))
    }

    /// The whole body.
    ///
    /// # Errors
    /// As [`BodyReader::push`]; `Malformed` also where compressed data ends too early.
    pub fn finish(mut self) -> Result<Vec<u8>, FetchError> {
        if let Decoder::Gzip(decoder) = &mut self.decoder
            && let Err(error) = decoder.try_finish()
        {
            return Err(self.explain(&error));
        }
        Ok(match self.decoder {
            Decoder::Identity(sink) => sink.kept,
            Decoder::Gzip(mut decoder) => std::mem::take(&mut decoder.get_mut().kept),
        })
    }

    fn explain(&self, error: &io::Error) -> FetchError {
        let sink = match &self.decoder {
            Decoder::Identity(sink) => sink,
            Decoder::Gzip(decoder) => decoder.get_ref(),
        };
        if !sink.overflowed {
            let message = format!("the body is not a whole gzip: {error}");
            return FetchError::new(FailureKind::Malformed, message).with_detail(Detail::Encoding);
        }
        let message = if sink.bound < self.limits.largest {
            format!("the body expands to more than {} times its size", self.limits.largest_ratio)
        } else {
            too_large(self.limits)
        };
        FetchError::new(FailureKind::TooLarge, message)
    }
}

/// What is said of a body beyond `limits.largest`.
pub(crate) fn too_large(limits: BodyLimits) -> String {
    format!("the body is larger than {} bytes: use pages", limits.largest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;

    const LIMITS: BodyLimits = BodyLimits { largest: 100_000, largest_ratio: 100 };

    fn gzip(data: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    fn read(encoding: Encoding, sent: &[u8], piece: usize) -> Result<Vec<u8>, FailureKind> {
        let mut reader = BodyReader::new(LIMITS, encoding);
        for piece in sent.chunks(piece) {
            reader.push(piece).map_err(|error| error.kind)?;
        }
        reader.finish().map_err(|error| error.kind)
    }

    #[test]
    fn bodies_are_decoded_whatever_the_pieces() {
        let text: Vec<u8> = (0..9_000_u32).flat_map(|number| (number * 7919).to_le_bytes()).collect();
        let two_members = [gzip(&text), gzip(b"tail")].concat();
        for piece in [1, 7, 1_000, 1_000_000] {
            assert_eq!(read(Encoding::Identity, &text, piece).as_ref(), Ok(&text));
            assert_eq!(read(Encoding::Gzip, &gzip(&text), piece).as_ref(), Ok(&text));
            assert_eq!(read(Encoding::Gzip, &two_members, piece).unwrap().len(), text.len() + 4);
        }
    }

    #[test]
    fn bodies_beyond_the_bounds_are_refused() {
        let noise: Vec<u8> = (0..200_000_u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let cut = gzip(&noise[..50_000]);
        let cases = [
            (Encoding::Identity, vec![b'x'; 100_001], FailureKind::TooLarge),
            (Encoding::Gzip, gzip(&noise), FailureKind::TooLarge),
            (Encoding::Gzip, gzip(&vec![0; 50_000_000]), FailureKind::TooLarge),
            (Encoding::Gzip, gzip(&vec![0; 90_000]), FailureKind::TooLarge),
            (Encoding::Gzip, cut[..cut.len() / 2].to_vec(), FailureKind::Malformed),
            (Encoding::Gzip, cut[..cut.len() - 3].to_vec(), FailureKind::Malformed),
            (Encoding::Gzip, b"{\"schema\": 1}".to_vec(), FailureKind::Malformed),
            (Encoding::Gzip, Vec::new(), FailureKind::Malformed),
        ];
        for (number, (encoding, sent, kind)) in cases.into_iter().enumerate() {
            assert_eq!(read(encoding, &sent, 4_096), Err(kind), "case {number}");
        }
    }

    #[test]
    fn a_bomb_never_occupies_more_than_the_bound() {
        let mut reader = BodyReader::new(LIMITS, Encoding::Gzip);
        let bomb = gzip(&vec![0; 80_000_000]);
        assert!(bomb.chunks(1_024).any(|piece| reader.push(piece).is_err()));
        let Decoder::Gzip(decoder) = &reader.decoder else { unreachable!() };
        assert!(decoder.get_ref().kept.capacity() <= 2 * LIMITS.largest);
    }
}
