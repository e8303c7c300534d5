//! The rows and answers of `data/golden`, for the tests of the engine and the server.

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;

use serde::Deserialize;
use serde_json::Value;

/// Rows by column, and what scikit-learn answers to them in USD.
#[derive(Deserialize)]
pub struct Golden {
    pub rows: Value,
    answers: HashMap<String, Vec<Option<f64>>>,
    tolerance_usd: f64,
}

/// A file of `data/golden`: both crates lie equally deep.
pub fn path(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "../../data/golden", name].iter().collect()
}

pub fn read() -> Golden {
    serde_json::from_slice(&fs::read(path("fare.json")).unwrap()).unwrap()
}

impl Golden {
    /// Fails where an answer is not that of `fare_small`, whose rows all have one.
    pub fn check(&self, answers: &[f64]) {
        let wanted = &self.answers["fare_small"];
        assert_eq!(answers.len(), wanted.len());
        let apart: Vec<f64> = wanted
            .iter()
            .zip(answers)
            .map(|(want, got)| (want.unwrap() - got).abs())
            .collect();
        let beyond = apart.iter().filter(|far| self.is_beyond(**far)).count();
        let largest = apart.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
        let (row, largest) = largest.unwrap();
        assert!(
            beyond == 0,
            "{beyond} of {} rows differ from the golden answers, most by {largest} USD \
             on row {row}",
            apart.len()
        );
    }

    /// Whether a distance is over the tolerance, as one that is no number is.
    fn is_beyond(&self, apart: f64) -> bool {
        apart.is_nan() || apart > self.tolerance_usd
    }
}
