//! A model that answers request bodies; knows JSON, but not HTTP.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use engine::{Dim, Library, Options, Session, Tensor, bytes_at_most};
use serde_json::{Map, Value, json};

use crate::answer;
use crate::error::Problem;
use crate::json::{Json, without_minus_zero};
use crate::rows::Schema;
use crate::timing::Stages;

/// So many prepared rows are kept for the next requests.
const SPARE: usize = 64;
/// But neither inputs nor outputs of more bytes: a text may be as long as a body.
const KEPT_BYTES: usize = 64 << 10;

/// What a request gets.
pub struct Answer {
    /// JSON, and what follows it.
    pub body: Vec<u8>,
    /// The bytes of it that are JSON, where more follow.
    pub json_bytes: Option<usize>,
    /// The rows answered.
    pub rows: usize,
    /// What took how long.
    pub stages: Stages,
}

/// An ONNX model with its schema.
pub struct Model {
    pub(crate) session: Session,
    pub(crate) schema: Schema,
    name: String,
    /// The only number of rows that it takes, where the graph fixes one.
    pub(crate) batch: Option<usize>,
    every_output: Vec<usize>,
    /// What one row needs, where no request is using it.
    spare: Mutex<Vec<Slot>>,
}

/// The tensors of a request; the outputs are made by its first run.
struct Slot {
    inputs: Vec<Tensor>,
    outputs: Vec<Tensor>,
}

impl Model {
    /// The model in a file; it works on one thread a request.
    ///
    /// # Errors
    /// The engine's, where the file is no model, or not one of a table.
    pub fn open(library: Library, path: &Path) -> engine::Result<Self> {
        let session = Session::open(library, path, &Options::default())?;
        for output in session.outputs() {
            output.element_type()?;
        }
        let batch =
            session.inputs().iter().find_map(|input| match input.shape.first() {
                Some(Dim::Fixed(rows)) => Some(*rows),
                _ => None,
            });
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        Ok(Self {
            name: name.into_owned(),
            batch,
            every_output: (0..session.outputs().len()).collect(),
            schema: session.schema()?.into(),
            session,
            spare: Mutex::default(),
        })
    }

    /// The answer to a body, as JSON.
    ///
    /// # Errors
    /// What is wrong with the body, or with the model.
    pub fn predict(&self, body: &[u8]) -> Result<Answer, Problem> {
        self.with_inputs(body, |Slot { inputs, outputs }, rows, stages| {
            self.session.run_into(inputs, &self.every_output, outputs)?;
            stages.predicted();
            answer::predictions(self.session.outputs(), outputs, rows)
        })
    }

    /// A zero for each row of a body that the model would answer, as JSON.
    ///
    /// # Errors
    /// What is wrong with the body.
    pub fn noop(&self, body: &[u8]) -> Result<Answer, Problem> {
        self.with_inputs(body, |_, rows, _| Ok(answer::zeros(rows)))
    }

    fn with_inputs(
        &self,
        body: &[u8],
        work: impl FnOnce(&mut Slot, usize, &mut Stages) -> Result<Vec<u8>, Problem>,
    ) -> Result<Answer, Problem> {
        let mut stages = Stages::begin();
        let body = without_minus_zero(body);
        let document =
            Json::parse(&body).map_err(|error| Problem::NotJson(error.to_string()))?;
        let rows = self.schema.rows(&document)?;
        let count = rows.count();
        if count == 0 {
            self.schema.fill(&rows, &mut [])?;
            stages.parsed();
            let body = answer::zeros(0);
            return Ok(Answer { body, json_bytes: None, rows: 0, stages });
        }
        if let Some(batch) = self.batch.filter(|batch| *batch != count) {
            let detail = format!("the model takes {batch} rows at a time, not {count}");
            return Err(Problem::WrongRows { detail, errors: Vec::new() });
        }
        let mut slot = self.slot(count)?;
        let body = self.schema.fill(&rows, &mut slot.inputs).and_then(|()| {
            stages.parsed();
            work(&mut slot, count, &mut stages)
        });
        stages.written();
        if count == 1 {
            self.keep(slot);
        }
        Ok(Answer { body: body?, json_bytes: None, rows: count, stages })
    }

    /// The tensors for so many rows; those for one row are used again and again.
    fn slot(&self, rows: usize) -> engine::Result<Slot> {
        let spare = match rows {
            1 => self.spare.lock().unwrap_or_else(PoisonError::into_inner).pop(),
            _ => None,
        };
        let prepare = || {
            let inputs = self.session.prepare(rows)?;
            Ok(Slot { inputs, outputs: Vec::new() })
        };
        spare.map_or_else(prepare, Ok)
    }

    fn keep(&self, mut slot: Slot) {
        if bytes_at_most(&slot.outputs) > KEPT_BYTES {
            slot.outputs.clear();
        }
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        if bytes_at_most(&slot.inputs) <= KEPT_BYTES && spare.len() < SPARE {
            spare.push(slot);
        }
    }

    /// The file's name, without its ending.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The columns that it takes, in the order of its schema.
    pub fn columns(&self) -> impl Iterator<Item = &engine::Column> {
        self.schema.columns()
    }

    /// A body of so many made-up rows, or as many as the model takes.
    #[must_use]
    pub fn sample(&self, rows: usize) -> Value {
        let rows = self.batch.unwrap_or(rows);
        let value = |column: &engine::Column| match column.width {
            1 => made_up(column),
            width => json!(vec![made_up(column); width]),
        };
        let row: Map<String, Value> =
            self.columns().map(|column| (column.name.clone(), value(column))).collect();
        json!({ "instances": vec![row; rows] })
    }
}

/// One value that a column takes.
pub(crate) fn made_up(column: &engine::Column) -> Value {
    let first = column.categories.as_ref().and_then(|known| known.first());
    match (first, column.dtype) {
        (Some(first), _) => first.clone(),
        (None, engine::ElementType::String) => json!(""),
        (None, engine::ElementType::Bool) => json!(false),
        (None, _) => json!(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_not_kept() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/models/rides.onnx");
        let library = Library::load(&engine::find_library(None).unwrap()).unwrap();
        let model = Model::open(library, Path::new(path)).unwrap();
        for (pet, kept) in [("cat", 1), (&*"x".repeat(KEPT_BYTES), 0), ("dog", 1)] {
            let mut body = model.sample(1);
            body["instances"][0]["pet"] = json!(pet);
            model.predict(body.to_string().as_bytes()).unwrap();
            assert_eq!(model.spare.lock().unwrap().len(), kept);
        }
    }
}
