//! Which feeds a model must not be given.

use std::collections::{HashMap, HashSet};

use crate::graph::{
    ATTRIBUTE_INTEGER, GRAPH_NODE, NODE_ATTRIBUTE, NODE_INPUT, NODE_OPERATOR,
    NODE_OUTPUT,
};
use crate::protobuf::{Fields, all, find, text};

/// Inputs without rows that ONNX Runtime does not survive, or answers with garbage.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Hazards {
    /// Whether `FeatureVectorizer` would end the process, whichever the input.
    any: bool,
    /// Inputs of trees, which read past the end of a vector without elements.
    vectors: Vec<String>,
    /// Inputs that `Concat` puts side by side: where only some have rows, it leaves gaps.
    side_by_side: Vec<SideBySide>,
}

/// The inputs behind what a `Concat` joins along an axis, which counts from the end
/// where it is negative.
#[derive(Debug, PartialEq)]
struct SideBySide {
    axis: i64,
    inputs: Vec<String>,
}

impl SideBySide {
    /// Whether it joins columns and not rows, for arrays of so many dimensions.
    fn of_columns(&self, rank: usize) -> bool {
        let rank = i64::try_from(rank).unwrap_or(i64::MAX);
        self.axis != 0 && self.axis != -rank
    }
}

impl Hazards {
    /// What the graph, as its bytes, cannot take.
    pub(crate) fn of(graph: &[u8]) -> Self {
        let mut hazards = Self::default();
        let name = |node, number| text(node, number).map(str::to_owned);
        let nodes = || all(graph, GRAPH_NODE);
        let made: HashMap<&str, &[u8]> = nodes()
            .flat_map(|node| texts(node, NODE_OUTPUT).map(move |name| (name, node)))
            .collect();
        for node in nodes() {
            let inputs = || texts(node, NODE_INPUT);
            match text(node, NODE_OPERATOR).unwrap_or_default() {
                "FeatureVectorizer" => hazards.any |= inputs().count() > 1,
                "Concat" => hazards.side_by_side.push(SideBySide {
                    axis: integer(node).unwrap_or(1),
                    inputs: sources(inputs().collect(), &made),
                }),
                trees if trees.starts_with("TreeEnsemble") => {
                    hazards.vectors.extend(name(node, NODE_INPUT));
                }
                _ => {}
            }
        }
        hazards
    }

    /// The first of these inputs that is a hazard, given as names and shapes.
    pub(crate) fn find<'a>(&self, inputs: &[(&'a str, &[usize])]) -> Option<&'a str> {
        let is_table = |shape: &[usize]| shape.len() > 1;
        let beside_rows = |name: &str, rank: usize| {
            let groups = self
                .side_by_side
                .iter()
                .filter(|group| group.of_columns(rank) && holds(&group.inputs, name));
            groups.flat_map(|group| &group.inputs).any(|other| {
                let same = |(name, _): &&(&str, &[usize])| name == other;
                let shape = inputs.iter().find(same).map(|(_, shape)| *shape);
                shape.is_some_and(|shape| is_table(shape) && shape[0] > 0)
            })
        };
        let hazard = inputs.iter().filter(|(_, shape)| shape.first() == Some(&0)).find(
            |(name, shape)| {
                self.any
                    || (**shape == [0] && holds(&self.vectors, name))
                    || (is_table(shape) && beside_rows(name, shape.len()))
            },
        );
        hazard.map(|(name, _)| *name)
    }
}

fn holds(names: &[String], name: &str) -> bool {
    names.iter().any(|other| other == name)
}

/// What rows do not pass through: its output has others, or none.
fn ends_rows(operator: &str) -> bool {
    matches!(operator, "Transpose" | "Shape" | "Size" | "NonZero")
        || operator.starts_with("Reduce")
        || operator.starts_with("Arg")
}

/// The inputs of the graph that the rows of these values come from.
fn sources<'a>(
    mut names: Vec<&'a str>,
    made: &HashMap<&'a str, &'a [u8]>,
) -> Vec<String> {
    let (mut seen, mut found) = (HashSet::new(), Vec::new());
    while let Some(name) = names.pop() {
        match made.get(name) {
            _ if !seen.insert(name) => {}
            Some(node) if ends_rows(text(node, NODE_OPERATOR).unwrap_or_default()) => {}
            Some(node) => names.extend(texts(node, NODE_INPUT)),
            None => found.push(name.to_owned()),
        }
    }
    found
}

fn texts(node: &[u8], number: u64) -> impl Iterator<Item = &str> {
    all(node, number).filter_map(|name| str::from_utf8(name).ok())
}

/// The integer of a node's only attribute.
fn integer(node: &[u8]) -> Option<i64> {
    let mut fields = Fields(find(node, NODE_ATTRIBUTE)?);
    let integer = fields.find(|field| field.number == ATTRIBUTE_INTEGER)?;
    Some(integer.value.cast_signed())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protobuf::bytes;

    #[test]
    fn nodes_that_need_rows_or_elements_are_found() {
        let node = |operator: &str, inputs: &[&str]| {
            let mut node = bytes(NODE_OPERATOR, operator.as_bytes());
            let inputs = inputs.iter().map(|name| bytes(NODE_INPUT, name.as_bytes()));
            node.extend(inputs.flatten());
            bytes(GRAPH_NODE, &node)
        };
        let hazard = |nodes: &[Vec<u8>], shapes: &[(&'static str, &[usize])]| {
            Hazards::of(&nodes.concat()).find(shapes)
        };
        let vectors = [node("FeatureVectorizer", &["x", "z"])];
        assert_eq!(hazard(&vectors, &[("x", &[2, 1]), ("z", &[0, 1])]), Some("z"));
        assert_eq!(hazard(&vectors, &[("x", &[2, 1]), ("z", &[1, 0])]), None);
        assert_eq!(
            hazard(&[node("FeatureVectorizer", &["x"])], &[("x", &[0, 1])]),
            None
        );
        let trees = [node("Neg", &["y"]), node("TreeEnsembleRegressor", &["x"])];
        assert_eq!(hazard(&trees, &[("x", &[0])]), Some("x"));
        assert_eq!(hazard(&trees, &[("y", &[0]), ("x", &[0, 1])]), None);
    }

    #[test]
    fn columns_beside_others_have_rows_if_those_do() {
        let node = |operator: &str, axis: i8, inputs: &[&str], output: &str| {
            let mut node = bytes(NODE_OPERATOR, operator.as_bytes());
            for name in inputs {
                node.extend(bytes(NODE_INPUT, name.as_bytes()));
            }
            node.extend(bytes(NODE_OUTPUT, output.as_bytes()));
            let [low, high] = [axis.cast_unsigned(), 0xff]; // of a varint of ten bytes
            let integer = match axis {
                0.. => vec![24, low],
                _ => [&[24, low], &[high; 8][..], &[1]].concat(),
            };
            node.extend(bytes(NODE_ATTRIBUTE, &integer));
            bytes(GRAPH_NODE, &node)
        };
        let through = |operator: &str, axis| {
            let joined = node("Concat", axis, &["x", "number", "z"], "all");
            let nodes = [node(operator, 1, &["weights", "text"], "number"), joined];
            Hazards::of(&nodes.concat())
        };
        let graph = |axis| through("Mul", axis);
        let uneven = [("x", &[2, 1][..]), ("text", &[0, 1]), ("z", &[2, 1])];
        assert_eq!(graph(1).find(&uneven), Some("text"));
        assert_eq!(graph(-1).find(&uneven), Some("text"));
        assert_eq!(graph(0).find(&uneven), None);
        assert_eq!(graph(-2).find(&uneven), None);
        assert_eq!(through("Transpose", 1).find(&uneven), None);
        assert_eq!(through("ReduceSum", 1).find(&uneven), None);
        let rowless = [("x", &[0, 1][..]), ("text", &[0, 1]), ("other", &[2, 1])];
        assert_eq!(graph(1).find(&rowless), None);
        assert_eq!(graph(1).find(&[("x", &[0]), ("text", &[2])]), None);
    }
}
