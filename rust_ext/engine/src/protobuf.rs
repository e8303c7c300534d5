//! Reads and writes messages in protobuf's encoding, as far as a model's bytes ask for.

/// The fields of a message; they end where the bytes make no sense.
pub(crate) struct Fields<'a>(pub(crate) &'a [u8]);

pub(crate) struct Field<'a> {
    pub(crate) number: u64,
    pub(crate) whole: &'a [u8],
    /// What it holds, if it holds bytes.
    pub(crate) content: &'a [u8],
    /// What it holds, if it holds an integer.
    pub(crate) value: u64,
}

impl<'a> Iterator for Fields<'a> {
    type Item = Field<'a>;

    fn next(&mut self) -> Option<Field<'a>> {
        let (tag, mut rest) = varint(self.0)?;
        let (mut content, mut value) = (&[][..], 0);
        match tag & 7 {
            0 => (value, rest) = varint(rest)?,
            1 => rest = rest.get(8..)?,
            2 => {
                let length;
                (length, rest) = varint(rest)?;
                (content, rest) =
                    rest.split_at_checked(usize::try_from(length).ok()?)?;
            }
            5 => rest = rest.get(4..)?,
            _ => return None,
        }
        let whole = &self.0[..self.0.len() - rest.len()];
        self.0 = rest;
        Some(Field { number: tag >> 3, whole, content, value })
    }
}

fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let end = bytes.iter().take(10).position(|byte| byte & 0x80 == 0)? + 1;
    let (varint, rest) = bytes.split_at(end);
    let value =
        varint.iter().rev().fold(0, |value, byte| value << 7 | u64::from(byte & 0x7f));
    Some((value, rest))
}

pub(crate) fn all(message: &[u8], number: u64) -> impl Iterator<Item = &[u8]> {
    Fields(message)
        .filter(move |field| field.number == number)
        .map(|field| field.content)
}

pub(crate) fn find(message: &[u8], number: u64) -> Option<&[u8]> {
    all(message, number).next()
}

pub(crate) fn text(message: &[u8], number: u64) -> Option<&str> {
    str::from_utf8(find(message, number)?).ok()
}

/// A field that holds bytes.
pub(crate) fn bytes(number: u64, content: &[u8]) -> Vec<u8> {
    let mut field = Vec::with_capacity(content.len() + 10);
    for mut value in [number << 3 | 2, content.len() as u64] {
        while value > 0x7f {
            field.push(value.to_le_bytes()[0] | 0x80);
            value >>= 7;
        }
        field.push(value.to_le_bytes()[0]);
    }
    field.extend_from_slice(content);
    field
}

/// The message with some fields replaced; nothing where it is no message.
pub(crate) fn rewritten<'a>(
    message: &'a [u8],
    mut replacement: impl FnMut(&Field<'a>) -> Option<Vec<u8>>,
) -> Option<Vec<u8>> {
    let mut fields = Fields(message);
    let mut new = Vec::with_capacity(message.len());
    for field in &mut fields {
        match replacement(&field) {
            Some(bytes) => new.extend_from_slice(&bytes),
            None => new.extend_from_slice(field.whole),
        }
    }
    fields.0.is_empty().then_some(new)
}
