//! The loop that notebook 04 times: prints the seconds of each round, a line each. Its
//! argument is the number of rows.
#![allow(clippy::print_stdout, reason = "that is where they are read")]

use std::hint::black_box;
use std::time::Instant;

const COLUMNS: usize = 4;
const ROUNDS: usize = 11;

fn main() {
    let rows = std::env::args().nth(1).and_then(|rows| rows.parse().ok()).unwrap_or(1);
    let columns = vec![1.0; rows * COLUMNS];
    for _ in 0..ROUNDS {
        let start = Instant::now();
        black_box(row_by_row(black_box(&columns), rows));
        println!("{}", start.elapsed().as_secs_f64());
    }
}

// region: row_by_row
/// The numbers of a table row by row, from its columns laid end to end.
fn row_by_row(columns: &[f32], rows: usize) -> Vec<f32> {
    let width = columns.len() / rows;
    let mut table = vec![0.0; columns.len()];
    for row in 0..rows {
        for column in 0..width {
            table[row * width + column] = columns[column * rows + row];
        }
    }
    table
}
// endregion: row_by_row
