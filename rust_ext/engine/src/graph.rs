//! Reads from a model's bytes what ONNX Runtime does not tell, in protobuf's encoding.

use crate::hazards::Hazards;
use crate::protobuf::{Fields, all, bytes, find, rewritten, text};
use crate::value::Keys;

/// What is known of a graph from its bytes.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Graph {
    pub(crate) hazards: Hazards,
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
        let graph = find(model, MODEL_GRAPH).unwrap_or_default();
        Self { hazards: Hazards::of(graph), unzipped: unzip(model, graph) }
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
pub(crate) const GRAPH_NODE: u64 = 1;
const GRAPH_OUTPUT: u64 = 12;
const PORT_NAME: u64 = 1;
pub(crate) const NODE_INPUT: u64 = 1;
pub(crate) const NODE_OUTPUT: u64 = 2;
pub(crate) const NODE_OPERATOR: u64 = 4;
pub(crate) const NODE_ATTRIBUTE: u64 = 5;
pub(crate) const ATTRIBUTE_INTEGER: u64 = 3;
const ATTRIBUTE_INTEGERS: u64 = 8;
const ATTRIBUTE_STRINGS: u64 = 9;

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
}
