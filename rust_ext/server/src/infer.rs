//! Answers as the Open Inference Protocol has them: named tensors, as JSON or as bytes
//! that follow the JSON.

use std::io::{self, Write};

use engine::{Dim, Port, Tensor};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use crate::answer::list;
use crate::columns::{Column, Target};
use crate::error::Problem;
use crate::json::{Json, Object, without_minus_zero};
use crate::model::{Answer, Model, made_up};
use crate::rows::{complaint, wrong};
use crate::timing::Stages;
use crate::values::{Values, datatype, decode};

/// The only version of a model.
pub const VERSION: &str = "1";

#[derive(Deserialize)]
struct Request<'a> {
    id: Option<String>,
    #[serde(borrow)]
    inputs: Vec<Object<Input<'a>>>,
    #[serde(default)]
    outputs: Vec<Object<Output>>,
    #[serde(default)]
    parameters: Object<Parameters>,
}

#[derive(Deserialize)]
struct Input<'a> {
    name: String,
    shape: Vec<usize>,
    datatype: String,
    #[serde(borrow)]
    data: Option<Json<'a>>,
    #[serde(default)]
    parameters: Object<Parameters>,
}

#[derive(Deserialize)]
struct Output {
    name: String,
    #[serde(default)]
    parameters: Object<Parameters>,
}

/// The parameters that count; any others are ignored.
#[derive(Default, Deserialize)]
struct Parameters {
    binary_data_size: Option<usize>,
    binary_data: Option<bool>,
    binary_data_output: Option<bool>,
    shared_memory_region: Option<IgnoredAny>,
    classification: Option<IgnoredAny>,
}

impl Parameters {
    /// What they ask for that is not offered.
    fn refused(&self) -> Option<&'static str> {
        let memory = self.shared_memory_region.map(|_| "asks for shared memory");
        memory.or(self.classification.map(|_| "asks for classification"))
    }
}

impl Model {
    /// What the protocol says about a model.
    pub fn metadata(&self) -> Value {
        let tensor = |port: &Port| {
            let datatype = port.element_type().map_or("", datatype);
            json!({ "name": port.name, "datatype": datatype, "shape": shape(port) })
        };
        let all = |ports: &[Port]| ports.iter().map(tensor).collect::<Vec<_>>();
        json!({
            "name": self.name(),
            "versions": [VERSION],
            "platform": "onnxruntime_onnx",
            "inputs": all(self.session.inputs()),
            "outputs": all(self.session.outputs()),
        })
    }

    /// A request for one made-up row, or as many as the model takes.
    pub fn sample_tensors(&self) -> Value {
        let rows = self.batch.unwrap_or(1);
        let input = |column: &engine::Column| {
            let port = &self.session.inputs()[column.position];
            let shape = port.shape_of(rows).unwrap_or_default();
            let data = vec![made_up(column); rows * column.width];
            let datatype = datatype(column.dtype);
            json!({ "name": port.name, "shape": shape, "datatype": datatype, "data": data })
        };
        json!({ "inputs": self.columns().map(input).collect::<Vec<_>>() })
    }

    /// The answer to named tensors. The first `json_bytes` of the body are JSON, all of
    /// them where it is `None`.
    ///
    /// # Errors
    /// What is wrong with the body, or with the model.
    pub fn infer(
        &self,
        body: &[u8],
        json_bytes: Option<usize>,
    ) -> Result<Answer, Problem> {
        let mut stages = Stages::begin();
        let (json, binary) =
            body.split_at_checked(json_bytes.unwrap_or(body.len())).ok_or_else(
                || Problem::NotJson("it is shorter than its headers say".to_owned()),
            )?;
        let json = without_minus_zero(json);
        let Object(request): Object<Request> =
            serde_json::from_slice(&json).map_err(|error| match error.classify() {
                serde_json::error::Category::Data => {
                    wrong(vec![complaint("", error.to_string())])
                }
                _ => Problem::NotJson(error.to_string()),
            })?;
        let wanted = self.wanted(&request)?;
        let inputs = self.tensors(request.inputs, binary)?;
        let rows = inputs.first().map_or(0, |input| input.shape()[0]);
        stages.parsed();
        let positions: Vec<usize> =
            wanted.iter().map(|(position, _)| *position).collect();
        let mut outputs = Vec::new();
        self.session.run_into(&inputs, &positions, &mut outputs)?;
        stages.predicted();
        let written = self.write(request.id.as_deref(), &wanted, &outputs);
        let (body, json_bytes) = written.map_err(|error| {
            tracing::error!(%error, "an answer could not be written");
            Problem::Internal
        })?;
        stages.written();
        Ok(Answer { body, json_bytes, rows, stages })
    }

    /// The positions of the outputs asked for, and whether each is wanted as bytes.
    fn wanted(&self, request: &Request) -> Result<Vec<(usize, bool)>, Problem> {
        let Object(parameters) = &request.parameters;
        if let Some(refused) = parameters.refused() {
            let detail = format!("the request {refused}");
            return Err(wrong(vec![complaint("/parameters", detail)]));
        }
        let usual = parameters.binary_data_output.unwrap_or(false);
        if request.outputs.is_empty() {
            let all = 0..self.session.outputs().len();
            return Ok(all.map(|position| (position, usual)).collect());
        }
        let mut wanted: Vec<(usize, bool)> = Vec::new();
        for (index, Object(output)) in request.outputs.iter().enumerate() {
            let Output { name, parameters: Object(parameters) } = output;
            let what = match (self.session.output(name), parameters.refused()) {
                (_, Some(refused)) => refused,
                (Err(_), _) => "is not in the model",
                (Ok(position), _) if wanted.iter().any(|(p, _)| *p == position) => {
                    "appears twice"
                }
                (Ok(position), _) => {
                    wanted.push((position, parameters.binary_data.unwrap_or(usual)));
                    continue;
                }
            };
            let (pointer, detail) =
                (format!("/outputs/{index}"), format!("output '{name}' {what}"));
            return Err(wrong(vec![complaint(pointer, detail)]));
        }
        Ok(wanted)
    }

    /// One tensor for each input of the graph, in the graph's order.
    fn tensors(
        &self,
        inputs: Vec<Object<Input>>,
        mut binary: &[u8],
    ) -> Result<Vec<Tensor>, Problem> {
        let ports = self.session.inputs();
        let mut tensors: Vec<Option<Tensor>> = ports.iter().map(|_| None).collect();
        let mut rows = None;
        for (index, Object(input)) in inputs.into_iter().enumerate() {
            let name = input.name.clone();
            let wrong_here = |what: String| {
                let detail = format!("input '{name}' {what}");
                wrong(vec![complaint(format!("/inputs/{index}"), detail)])
            };
            let column = self.schema.feeding(&name);
            let column =
                column.ok_or_else(|| wrong_here("is not in the model".to_owned()))?;
            let position = column.schema.position;
            let read = self.tensor(column, input, &mut binary);
            let tensor = read.map_err(wrong_here)?;
            let count = tensor.shape()[0];
            if *rows.get_or_insert(count) != count {
                return Err(wrong_here("has another number of rows".to_owned()));
            }
            if tensors[position].replace(tensor).is_some() {
                return Err(wrong_here("appears twice".to_owned()));
            }
        }
        let missing = |port: &Port| {
            let detail = format!("input '{}' is missing", port.name);
            wrong(vec![complaint("/inputs", detail)])
        };
        let all = tensors.into_iter().zip(ports);
        let all = all.map(|(tensor, port)| tensor.ok_or_else(|| missing(port)));
        let all = all.collect::<Result<Vec<_>, _>>()?;
        if binary.is_empty() {
            return Ok(all);
        }
        let detail = format!("{} bytes follow the last input", binary.len());
        Err(wrong(vec![complaint("", detail)]))
    }

    /// An input's tensor, or what is wrong with the input. What it holds as bytes is
    /// taken off the front of `binary`.
    fn tensor(
        &self,
        column: &Column,
        input: Input,
        binary: &mut &[u8],
    ) -> Result<Tensor, String> {
        let Object(parameters) = input.parameters;
        if let Some(refused) = parameters.refused() {
            return Err(refused.to_owned());
        }
        let port = &self.session.inputs()[column.schema.position];
        let (dtype, takes) = (column.schema.dtype, datatype(column.schema.dtype));
        if input.datatype != takes {
            return Err(format!("is {} where the model takes {takes}", input.datatype));
        }
        let rows = input.shape.first().copied().unwrap_or(0);
        if rows == 0 || port.shape_of(rows).as_ref() != Ok(&input.shape) {
            let (has, takes) = (&input.shape, shape(port));
            return Err(format!("has shape {has:?} where the model takes {takes:?}"));
        }
        let values = match (input.data, parameters.binary_data_size) {
            (Some(Json::List(data)), None) => {
                let odd = || format!("has lists that do not fit {:?}", input.shape);
                flatten(data, &input.shape).ok_or_else(odd)?
            }
            (None, Some(size)) => {
                let split = binary.split_at_checked(size);
                let (bytes, rest) = split.ok_or("has fewer bytes than it says")?;
                *binary = rest;
                let decoded = decode(dtype, bytes);
                decoded.ok_or_else(|| format!("has bytes that are no {takes}"))?
            }
            _ => return Err("must have data, as a list or as bytes".to_owned()),
        };
        let mut sizes = input.shape.iter();
        if sizes.try_fold(1_usize, |all, size| all.checked_mul(*size))
            != Some(values.len())
        {
            return Err(format!(
                "has {} values for the shape {:?}",
                values.len(),
                input.shape
            ));
        }
        let failed = |error: engine::Error| error.to_string();
        let mut tensor = Tensor::zeros(dtype, &input.shape).map_err(failed)?;
        let mut target = Target::of(&mut tensor).map_err(failed)?;
        for (at, value) in values.iter().enumerate() {
            let set = column.set_one(&mut target, at, value);
            set.map_err(|misfit| format!("at {at}: {}", column.explain(&misfit, 1)))?;
        }
        Ok(tensor)
    }
}

impl Model {
    /// The outputs as JSON, then those that are wanted as bytes, and the length of the
    /// JSON where there are such.
    fn write(
        &self,
        id: Option<&str>,
        wanted: &[(usize, bool)],
        outputs: &[Tensor],
    ) -> io::Result<(Vec<u8>, Option<usize>)> {
        let (mut json, mut bytes) = (Vec::with_capacity(256), Vec::new());
        let model = Value::from(self.name());
        write!(json, r#"{{"model_name":{model},"model_version":"{VERSION}""#)?;
        if let Some(id) = id {
            write!(json, r#","id":{}"#, Value::from(id))?;
        }
        json.extend(br#","outputs":["#);
        for (index, ((position, as_bytes), tensor)) in
            wanted.iter().zip(outputs).enumerate()
        {
            let name = Value::from(&*self.session.outputs()[*position].name);
            let datatype = datatype(tensor.element_type());
            let (comma, shape) = (if index > 0 { "," } else { "" }, tensor.shape());
            write!(
                json,
                r#"{comma}{{"name":{name},"datatype":"{datatype}","shape":{shape:?}"#
            )?;
            let values = Values::of(tensor).map_err(io::Error::other)?;
            if *as_bytes {
                let before = bytes.len();
                values.append(&mut bytes);
                let size = bytes.len() - before;
                write!(json, r#","parameters":{{"binary_data_size":{size}}}}}"#)?;
            } else {
                json.extend(br#","data":["#);
                list(&mut json, tensor.len(), |json, at| values.write(json, at))?;
                json.extend(b"]}");
            }
        }
        json.extend(b"]}");
        let json_bytes =
            wanted.iter().any(|(_, as_bytes)| *as_bytes).then_some(json.len());
        json.append(&mut bytes);
        Ok((json, json_bytes))
    }
}

/// A port's dimensions; -1 where any number will do.
pub fn shape(port: &Port) -> Vec<i64> {
    let size = |dim: &Dim| match dim {
        Dim::Fixed(size) => i64::try_from(*size).unwrap_or(i64::MAX),
        Dim::Named(_) | Dim::Any => -1,
    };
    port.shape.iter().map(size).collect()
}

/// The values of a list, or of the lists in it where there is one for each row; `None`
/// where one of those has not the length that the shape says.
fn flatten<'a>(data: Vec<Json<'a>>, shape: &[usize]) -> Option<Vec<Json<'a>>> {
    let is_list = |value: &Json| matches!(value, Json::List(_));
    let [rows, width] = *shape else { return Some(data) };
    if !data.iter().any(is_list) {
        return Some(data);
    }
    let row = |value| match value {
        Json::List(row) if row.len() == width => Some(row),
        _ => None,
    };
    let lists: Option<Vec<_>> = data.into_iter().map(row).collect();
    let lists = lists.filter(|lists| lists.len() == rows)?;
    Some(lists.into_iter().flatten().collect())
}
