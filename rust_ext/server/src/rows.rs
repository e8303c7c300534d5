//! The rows that a body holds, checked against the model's columns.
//!
//! Whatever is wrong is said in the order of the rows, then of the schema's columns,
//! then of the columns that appear twice, then of those that the model does not have.

use std::borrow::Cow;
use std::collections::HashMap;

use engine::Tensor;

use crate::columns::{Column, Target};
use crate::error::{Complaint, Problem};
use crate::json::Json;

/// No more complaints than this are made about one body.
const MOST: usize = 10;

type Fields<'a> = [(Cow<'a, str>, Json<'a>)];

/// The columns of a model, in the order of its schema.
pub struct Schema {
    columns: Vec<Column>,
    places: HashMap<String, usize>,
}

/// A body's rows, not looked at yet.
pub enum Rows<'a> {
    /// An object for each row.
    Instances(&'a [Json<'a>]),
    /// A list for each column of the schema, all of one length.
    Columns {
        /// The lists, in the order of the schema.
        lists: Vec<&'a [Json<'a>]>,
        /// Complaints about the columns' names.
        odd: Vec<Complaint>,
    },
}

impl From<Vec<engine::Column>> for Schema {
    fn from(columns: Vec<engine::Column>) -> Self {
        let columns: Vec<Column> = columns.into_iter().map(Column::from).collect();
        let names = columns.iter().map(|column| column.schema.name.clone());
        Self { places: names.zip(0..).collect(), columns }
    }
}

impl Rows<'_> {
    /// How many there are.
    pub fn count(&self) -> usize {
        match self {
            Self::Instances(rows) => rows.len(),
            Self::Columns { lists, .. } => lists.first().map_or(0, |list| list.len()),
        }
    }
}

impl Schema {
    /// The columns.
    pub fn columns(&self) -> impl Iterator<Item = &engine::Column> {
        self.columns.iter().map(|column| &column.schema)
    }

    /// The column that feeds an input of the graph.
    pub fn feeding(&self, input: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.schema.input == input)
    }

    /// The rows in a body.
    pub fn rows<'a>(&self, body: &'a Json) -> Result<Rows<'a>, Problem> {
        let one = |pointer: &str, detail: &str| wrong(vec![complaint(pointer, detail)]);
        let form = match body {
            Json::Object(fields) => only_name(fields),
            _ => None,
        };
        match form {
            Some((name @ ("instances" | "columns"), [_, _, ..])) => {
                Err(one("", &format!("'{name}' appears twice")))
            }
            Some(("instances", [(_, Json::List(rows))])) => Ok(Rows::Instances(rows)),
            Some(("instances", _)) => {
                Err(one("/instances", "'instances' must be a list of objects"))
            }
            Some(("columns", [(_, Json::Object(fields))])) => self.lists(fields),
            Some(("columns", _)) => {
                Err(one("/columns", "'columns' must be an object of column: list"))
            }
            _ => Err(one(
                "",
                "the body must be an object with either 'instances' or 'columns'",
            )),
        }
    }

    fn lists<'a>(&self, fields: &'a Fields) -> Result<Rows<'a>, Problem> {
        let mut values = vec![None; self.columns.len()];
        let odd = self.place(fields, || "/columns".to_owned(), &mut values);
        let mut lists: Vec<&[Json]> = Vec::with_capacity(values.len());
        let mut first: Option<(&str, usize)> = None;
        let mut complaints = Vec::new();
        for (column, value) in self.columns.iter().zip(values) {
            let name = &column.schema.name;
            let pointer = || format!("/columns/{}", escape(name));
            match (value, first) {
                (None, _) => complaints.push(missing("/columns", name)),
                (Some(Json::List(list)), Some((first, rows))) if list.len() != rows => {
                    let have = list.len();
                    complaints.push(complaint(
                        pointer(),
                        format!(
                            "'{name}' has {have} values where '{first}' has {rows}"
                        ),
                    ));
                }
                (Some(Json::List(list)), _) => {
                    first = first.or(Some((name, list.len())));
                    lists.push(list);
                }
                (Some(_), _) => complaints
                    .push(complaint(pointer(), format!("'{name}' must be a list"))),
            }
        }
        if complaints.is_empty() {
            return Ok(Rows::Columns { lists, odd });
        }
        complaints.extend(odd);
        Err(wrong(complaints))
    }

    /// Writes all rows into `tensors`, one for each input of the graph.
    pub fn fill(&self, rows: &Rows, tensors: &mut [Tensor]) -> Result<(), Problem> {
        let targets = tensors.iter_mut().map(Target::of);
        let mut targets = targets.collect::<engine::Result<Vec<_>>>()?;
        let complaints = match rows {
            Rows::Instances(rows) => self.fill_instances(rows, &mut targets),
            Rows::Columns { lists, odd } => {
                let mut complaints = self.fill_columns(lists, &mut targets);
                complaints.extend_from_slice(odd);
                complaints
            }
        };
        if complaints.is_empty() { Ok(()) } else { Err(wrong(complaints)) }
    }

    fn fill_instances(&self, rows: &[Json], targets: &mut [Target]) -> Vec<Complaint> {
        let mut complaints = Vec::new();
        let mut values = vec![None; self.columns.len()];
        for (row, fields) in rows.iter().enumerate() {
            if complaints.len() >= MOST {
                break;
            }
            let here = || format!("/instances/{row}");
            let Json::Object(fields) = fields else {
                let detail = "row must be an object of column: value";
                complaints.push(complaint(here(), detail));
                continue;
            };
            values.fill(None);
            let odd = self.place(fields, here, &mut values);
            for (column, value) in self.columns.iter().zip(&values) {
                let name = &column.schema.name;
                let Some(value) = value else {
                    complaints.push(missing(&here(), name));
                    continue;
                };
                let target = &mut targets[column.schema.position];
                if let Err(misfit) = column.set(target, row, value) {
                    let pointer = format!("{}/{}", here(), escape(name));
                    complaints.push(complaint(
                        pointer,
                        column.explain(&misfit, column.schema.width),
                    ));
                }
            }
            complaints.extend(odd);
        }
        complaints
    }

    fn fill_columns(
        &self,
        lists: &[&[Json]],
        targets: &mut [Target],
    ) -> Vec<Complaint> {
        let mut complaints = Vec::new();
        for row in 0..lists.first().map_or(0, |list| list.len()) {
            for (column, list) in self.columns.iter().zip(lists) {
                let target = &mut targets[column.schema.position];
                if let Err(misfit) = column.set(target, row, &list[row]) {
                    let name = escape(&column.schema.name);
                    let pointer = format!("/columns/{name}/{row}");
                    complaints.push(complaint(
                        pointer,
                        column.explain(&misfit, column.schema.width),
                    ));
                }
            }
            if complaints.len() >= MOST {
                break;
            }
        }
        complaints
    }

    /// Puts the value of each field at the place of its column, the last of a repeated
    /// name; returns complaints about names that are repeated or that no column has.
    fn place<'a>(
        &self,
        fields: &'a Fields,
        here: impl Fn() -> String,
        values: &mut [Option<&'a Json<'a>>],
    ) -> Vec<Complaint> {
        let (mut twice, mut unknown): (Vec<&str>, Vec<&str>) = Default::default();
        let note = |names: &mut Vec<&'a str>, name: &'a str| {
            if names.len() < MOST && !names.contains(&name) {
                names.push(name);
            }
        };
        for (guess, (name, value)) in fields.iter().enumerate() {
            let guessed = self.columns.get(guess);
            let place = match guessed {
                Some(column) if column.schema.name == **name => Some(&guess),
                _ => self.places.get(&**name),
            };
            match place {
                None => note(&mut unknown, name),
                Some(place) if values[*place].replace(value).is_some() => {
                    note(&mut twice, name);
                }
                Some(_) => {}
            }
        }
        let twice = twice
            .into_iter()
            .map(|name| complaint(here(), format!("column '{name}' appears twice")));
        let unknown = unknown.into_iter().map(|name| {
            let pointer = format!("{}/{}", here(), escape(name));
            complaint(pointer, format!("column '{name}' is not in the model"))
        });
        twice.chain(unknown).collect()
    }
}

/// The name that all fields of an object have, and the fields.
fn only_name<'a>(fields: &'a Fields) -> Option<(&'a str, &'a Fields<'a>)> {
    let (name, _) = fields.first()?;
    fields.iter().all(|(other, _)| other == name).then_some((name, fields))
}

/// The problem that a body has these errors.
pub fn wrong(mut errors: Vec<Complaint>) -> Problem {
    errors.truncate(MOST);
    let detail = errors.first().map(|first| first.detail.clone()).unwrap_or_default();
    Problem::WrongRows { detail, errors }
}

fn missing(pointer: &str, name: &str) -> Complaint {
    complaint(pointer, format!("column '{name}' is missing"))
}

/// A complaint about what a pointer points at.
pub fn complaint(pointer: impl Into<String>, detail: impl Into<String>) -> Complaint {
    Complaint { pointer: pointer.into(), detail: detail.into() }
}

/// A name as one step of a JSON pointer.
fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}
