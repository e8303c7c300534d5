//! Reads from a model's bytes what ONNX Runtime does not tell, in protobuf's encoding.

use crate::value::Keys;

/// What is known of a graph from its bytes.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Graph {
    /// Whether zero rows end the process, as `FeatureVectorizer` does with them.
    pub(crate) needs_rows: bool,
    /// The inputs that must not be a vector without elements: trees read past its end.
    pub(crate) needs_elements: Vec<String>,
    /// The model with tensors in place of lists of maps, if it has such lists.
    pub(crate) unzipped: Option<Unzipped>,
}

/// The C interface copies each map of a list several times; of this model the tensor
/// behind the maps is asked for instead.
#[derive(Debug, PartialEq)]
pub(crate) struct Unzipped {
    pub(crate) model: Vec<u8>,
    pub(crate) zips: Vec<Zip>,
}

/// An output that is a list of maps, by `ZipMap`.
#[derive(Debug, PartialEq)]
pub(crate) struct Zip {
    /// The output's position and name.
    pub(crate) position: usize,
    pub(crate) name: String,
    /// The keys of each row's map, in increasing order.
    pub(crate) keys: Keys,
}

impl Graph {
    /// The graph of a model; of other bytes, nothing is known.
    pub(crate) fn read(model: &[u8]) -> Self {
        let mut known = Self::default();
        let graph = find(model, MODEL_GRAPH).unwrap_or_default();
        for node in all(graph, GRAPH_NODE) {
            match text(node, NODE_OPERATOR).unwrap_or_default() {
                "FeatureVectorizer" if all(node, NODE_INPUT).count() > 1 => {
                    known.needs_rows = true;
                }
                operator if operator.starts_with("TreeEnsemble") => {
                    let input = text(node, NODE_INPUT).map(str::to_owned);
                    known.needs_elements.extend(input);
                }
                _ => {}
            }
        }
        known.unzipped = unzip(model, graph);
        known
    }
}

fn unzip(model: &[u8], graph: &[u8]) -> Option<Unzipped> {
    let maps = all(graph, GRAPH_NODE).filter_map(ZipMap::of);
    let maps: Vec<ZipMap> = maps.collect();
    if maps.is_empty() {
        return None;
    }
    let (mut zips, mut positions) = (Vec::new(), 0..);
    let unzipped = rewritten(graph, |field| match field.number {
        GRAPH_NODE if ZipMap::of(field.content).is_some() => Some(Vec::new()),
        GRAPH_OUTPUT => {
            let position = positions.next()?;
            let name = text(field.content, PORT_NAME)?;
            let map = maps.iter().find(|map| map.output == name)?;
            zips.push(Zip { position, name: name.to_owned(), keys: map.keys.clone() });
            Some(bytes(GRAPH_OUTPUT, &bytes(PORT_NAME, map.rows.as_bytes())))
        }
        _ => None,
    })?;
    let model = rewritten(model, |field| {
        (field.number == MODEL_GRAPH).then(|| bytes(MODEL_GRAPH, &unzipped))
    })?;
    Some(Unzipped { model, zips })
}

/// A node whose output is a list of maps.
struct ZipMap<'a> {
    rows: &'a str,
    output: &'a str,
    keys: Keys,
}

impl<'a> ZipMap<'a> {
    /// The node, if it is one and its keys are in order.
    fn of(node: &'a [u8]) -> Option<Self> {
        if text(node, NODE_OPERATOR) != Some("ZipMap") {
            return None;
        }
        let attribute = find(node, NODE_ATTRIBUTE)?;
        let texts = all(attribute, ATTRIBUTE_STRINGS);
        let texts = texts.map(|text| Some(str::from_utf8(text).ok()?.to_owned()));
        let texts: Vec<String> = texts.collect::<Option<_>>()?;
        let integers = Fields(attribute).filter(|f| f.number == ATTRIBUTE_INTEGERS);
        let integers: Vec<i64> = integers.map(|f| f.value.cast_signed()).collect();
        let keys = match (texts.is_empty(), integers.is_empty()) {
            (false, true) if texts.is_sorted_by(|a, b| a < b) => Keys::Texts(texts),
            (true, false) if integers.is_sorted_by(|a, b| a < b) => {
                Keys::Integers(integers)
            }
            _ => return None,
        };
        Some(Self {
            rows: text(node, NODE_INPUT)?,
            output: text(node, NODE_OUTPUT)?,
            keys,
        })
    }
}

// The numbers of onnx.proto.
const MODEL_GRAPH: u64 = 7;
const GRAPH_NODE: u64 = 1;
const GRAPH_OUTPUT: u64 = 12;
const PORT_NAME: u64 = 1;
const NODE_INPUT: u64 = 1;
const NODE_OUTPUT: u64 = 2;
const NODE_OPERATOR: u64 = 4;
const NODE_ATTRIBUTE: u64 = 5;
const ATTRIBUTE_INTEGERS: u64 = 8;
const ATTRIBUTE_STRINGS: u64 = 9;

/// The message with some fields replaced; nothing where it is no message.
fn rewritten<'a>(
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

/// The fields of a message; they end where the bytes make no sense.
struct Fields<'a>(&'a [u8]);

struct Field<'a> {
    number: u64,
    whole: &'a [u8],
    /// What it holds, if it holds bytes.
    content: &'a [u8],
    /// What it holds, if it holds an integer.
    value: u64,
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

fn all(message: &[u8], number: u64) -> impl Iterator<Item = &[u8]> {
    Fields(message)
        .filter(move |field| field.number == number)
        .map(|field| field.content)
}

fn find(message: &[u8], number: u64) -> Option<&[u8]> {
    all(message, number).next()
}

fn text(message: &[u8], number: u64) -> Option<&str> {
    str::from_utf8(find(message, number)?).ok()
}

/// A field that holds bytes.
fn bytes(number: u64, content: &[u8]) -> Vec<u8> {
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

#[cfg(test)]
mod tests {
    use super::*;

    const VALUES: &[u8] = include_bytes!("../tests/models/values.onnx");

    #[test]
    fn maps_become_the_tensor_behind_them() {
        let Unzipped { model, zips } = Graph::read(VALUES).unzipped.unwrap();
        let (name, keys) = ("maps".to_owned(), Keys::Integers(vec![7, 8]));
        assert_eq!(zips, [Zip { position: 0, name, keys }]);
        let graph = find(&model, MODEL_GRAPH).unwrap();
        let outputs =
            all(graph, GRAPH_OUTPUT).map(|port| text(port, PORT_NAME).unwrap());
        let expected = ["x", "row", "same", "is_there", "again", "sum"];
        assert_eq!(outputs.collect::<Vec<_>>(), expected);
        assert_eq!(Graph::read(&model).unzipped, None);
    }

    #[test]
    fn of_bytes_that_are_no_model_nothing_is_known() {
        let ends: Vec<usize> = Fields(VALUES)
            .scan(0, |end, field| {
                *end += field.whole.len();
                Some(*end)
            })
            .collect();
        for end in (0..VALUES.len()).filter(|end| !ends.contains(end)) {
            assert_eq!(Graph::read(&VALUES[..end]), Graph::default(), "{end}");
        }
        for odd in
            [&[0xff; 20][..], b"<html>", b"\x3a\xff\xff\xff\xff\xff\xff\xff\xff\x7f"]
        {
            assert_eq!(Graph::read(odd), Graph::default());
        }
    }

    #[test]
    fn nodes_that_need_rows_or_elements_are_found() {
        let node = |operator: &str, inputs: &[&str]| {
            let mut node = bytes(NODE_OPERATOR, operator.as_bytes());
            let inputs = inputs.iter().map(|name| bytes(NODE_INPUT, name.as_bytes()));
            inputs.for_each(|input| node.extend(input));
            bytes(GRAPH_NODE, &node)
        };
        let read =
            |nodes: &[Vec<u8>]| Graph::read(&bytes(MODEL_GRAPH, &nodes.concat()));
        assert!(read(&[node("FeatureVectorizer", &["x", "z"])]).needs_rows);
        assert!(!read(&[node("FeatureVectorizer", &["x"])]).needs_rows);
        let trees = [node("Neg", &["y"]), node("TreeEnsembleRegressor", &["x"])];
        assert_eq!(read(&trees).needs_elements, ["x"]);
    }
}
