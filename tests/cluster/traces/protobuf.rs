//! Just enough of the wire format of protobuf to read spans, by another hand than the one that wrote them.

/// A message: its fields in their order, each by its number.
pub(crate) struct Message(Vec<(u64, Field)>);

enum Field {
    Number(u64),
    Bytes(Vec<u8>),
}

impl Message {
    /// Reads a whole message.
    pub(crate) fn read(mut bytes: &[u8]) -> Self {
        let mut fields = Vec::new();
        while !bytes.is_empty() {
            let key = varint(&mut bytes);
            let field = match key & 7 {
                0 => Field::Number(varint(&mut bytes)),
                1 => Field::Number(u64::from_le_bytes(take(&mut bytes, 8).try_into().unwrap())),
                2 => {
                    let length = usize::try_from(varint(&mut bytes)).unwrap();
                    Field::Bytes(take(&mut bytes, length).to_vec())
                }
                5 => Field::Number(u32::from_le_bytes(take(&mut bytes, 4).try_into().unwrap()).into()),
                other => panic!("the wire type {other} is none of those of protobuf 3"),
            };
            fields.push((key >> 3, field));
        }
        Message(fields)
    }

    /// The bytes of a field.
    pub(crate) fn bytes(&self, number: u64) -> Option<Vec<u8>> {
        self.all(number).into_iter().next()
    }

    /// A field of text.
    pub(crate) fn text(&self, number: u64) -> Option<String> {
        self.bytes(number).map(|bytes| String::from_utf8(bytes).unwrap())
    }

    /// A field of a number.
    pub(crate) fn number(&self, number: u64) -> Option<u64> {
        self.0.iter().find_map(|(found, field)| match field {
            Field::Number(value) if *found == number => Some(*value),
            _ => None,
        })
    }

    /// All messages of a repeated field.
    pub(crate) fn messages(&self, number: u64) -> Vec<Message> {
        self.all(number).iter().map(|bytes| Message::read(bytes)).collect()
    }

    fn all(&self, number: u64) -> Vec<Vec<u8>> {
        let of_number = self.0.iter().filter(|(found, _)| *found == number);
        let bytes = of_number.filter_map(|(_, field)| match field {
            Field::Bytes(bytes) => Some(bytes.clone()),
            Field::Number(_) => None,
        });
        bytes.collect()
    }
}

fn take<'b>(bytes: &mut &'b [u8], count: usize) -> &'b [u8] {
    let (taken, rest) = bytes.split_at(count);
    *bytes = rest;
    taken
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = take(bytes, 1)[0];
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            break;
        }
    }
    value
}
