//! What the server says of itself. That all of it is true, schemathesis tries.
#![cfg(test)]

mod app;

use app::{JSON, get, read, server};
use axum::Router;
use axum::body::Body;
use axum::http::{Request, header};
use serde_json::{Value, json};
use tower::ServiceExt;

const MODELS: [&str; 5] = ["half", "one_row", "plain", "rides", "slow"];

async fn document(server: &Router) -> Value {
    read(get(server, "/openapi.json").await).await.1
}

/// What an operation takes as JSON.
fn taken<'a>(document: &'a Value, path: &str) -> &'a Value {
    &document["paths"][path]["post"]["requestBody"]["content"][JSON]
}

async fn post(server: &Router, path: &str, body: &Value) -> (u16, Value) {
    let request = Request::post(path).header(header::CONTENT_TYPE, JSON);
    let request = request.body(Body::from(body.to_string())).unwrap();
    let (status, answer) = read(server.clone().oneshot(request).await.unwrap()).await;
    (status.as_u16(), answer)
}

#[tokio::test]
async fn each_path_is_there_and_takes_its_own_example() {
    for model in MODELS {
        let server = server(model, &[]);
        let document = document(&server).await;
        let paths = document["paths"].as_object().unwrap();
        assert_eq!(paths.len(), 15);
        for (path, operations) in paths {
            if operations.get("get").is_some() {
                assert_eq!(get(&server, path).await.status(), 200, "{model} {path}");
            } else {
                let example = &taken(&document, path)["example"];
                let (status, answer) = post(&server, path, example).await;
                assert_eq!(status, 200, "{model} {path} {example}: {answer}");
            }
        }
    }
}

fn negative(number: &Value) -> Value {
    number.as_i64().map_or_else(|| json!(-number.as_f64().unwrap()), |n| json!(-n))
}

#[tokio::test]
async fn the_largest_numbers_are_those_that_fit() {
    for (model, column) in [("half", "x"), ("slow", "x"), ("rides", "hour")] {
        let server = server(model, &[]);
        let document = document(&server).await;
        let rows = &taken(&document, "/predict")["schema"]["oneOf"][0];
        let row = &rows["properties"]["instances"]["items"];
        let value = &row["properties"][column];
        let example = &taken(&document, "/predict")["example"];
        let mut tried = vec![(value["maximum"].clone(), 200)];
        if let Some(beyond) = value["exclusiveMaximum"].as_f64() {
            tried = vec![(json!(beyond), 422), (json!(beyond.next_down()), 200)];
        }
        for (number, expected) in tried {
            for number in [number.clone(), negative(&number)] {
                let mut body = example.clone();
                body["instances"][0][column] = number.clone();
                let (status, answer) = post(&server, "/predict", &body).await;
                assert_eq!(status, expected, "{model} {number}: {answer}");
            }
        }
    }
}

#[tokio::test]
async fn a_column_says_what_it_takes() {
    let document = document(&server("rides", &[])).await;
    let rows = &taken(&document, "/predict")["schema"]["oneOf"][0];
    let row = &rows["properties"]["instances"]["items"]["properties"];
    for (column, takes) in [
        ("zone", json!({ "type": "string", "enum": ["a", "b"] })),
        ("pet", json!({ "type": ["string", "null"] })),
        ("member", json!({ "type": "boolean" })),
    ] {
        assert_eq!(row[column], takes);
    }
    let one_row = app::server("one_row", &[]);
    let (status, answer) = read(get(&one_row, "/openapi.json").await).await;
    let rows = &taken(&answer, "/predict")["schema"]["oneOf"][0]["properties"];
    let batch = json!([{ "maxItems": 0 }, { "minItems": 1, "maxItems": 1 }]);
    assert_eq!((status.as_u16(), &rows["instances"]["oneOf"]), (200, &batch));
}

#[tokio::test]
async fn without_a_model_every_prediction_is_zero() {
    let document = document(&server("rides", &["--noop"])).await;
    let answer = &document["paths"]["/predict"]["post"]["responses"]["200"];
    let predictions = &answer["content"][JSON]["schema"]["properties"]["predictions"];
    assert_eq!(predictions["items"], json!({ "const": 0 }));
}
