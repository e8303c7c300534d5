//! A session beside the C interface that it stands on, on the bench models, which
//! `python -m workshop bench --quick` leaves in build/. Each time is that of one batch
//! among many different ones: a branch predictor learns a batch that is repeated.
#![allow(
    missing_docs,
    clippy::expect_used,
    reason = "a benchmark stops where it fails"
)]

use std::hint::black_box;
use std::path::Path;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use engine::{Floor, Library, Options, Session, Tensor, find_library};

const ROWS: [usize; 4] = [1, 10, 100, 1_000];
const MOST_BATCHES: usize = 4_000;
const TURN: usize = 20_000; // rows

/// Numbers below `below`, in the disorder of a linear congruential generator.
struct Disorder(u64);

impl Disorder {
    fn next(&mut self, below: u16) -> u16 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        u16::try_from((self.0 >> 33) % u64::from(below)).unwrap_or_default()
    }

    fn numbers(&mut self, count: usize, below: u16) -> Vec<u16> {
        (0..count).map(|_| self.next(below)).collect()
    }

    fn miles(&mut self, count: usize) -> Vec<f32> {
        self.numbers(count, 800).iter().map(|&each| f32::from(each) / 100.0).collect()
    }

    fn zones(&mut self, count: usize) -> Vec<String> {
        let sides = ["west", "middle", "east"];
        let zone =
            |each: &u16| format!("{}-{}", each / 3 + 1, sides[usize::from(each % 3)]);
        self.numbers(count, 24).iter().map(zone).collect()
    }
}

fn one_tensor(disorder: &mut Disorder, rows: usize) -> engine::Result<Vec<Tensor>> {
    let mut table = Vec::with_capacity(rows * 6);
    for miles in disorder.miles(rows) {
        let others = [24, 24, 24, 7, 6].map(|below| f32::from(disorder.next(below)));
        table.push(miles);
        table.extend(others);
    }
    Ok(vec![Tensor::from_slice(&[rows, 6], &table)?])
}

fn columns(disorder: &mut Disorder, rows: usize) -> engine::Result<Vec<Tensor>> {
    let shape = [rows, 1];
    let mut batch = vec![
        Tensor::from_slice(&shape, &disorder.miles(rows))?,
        Tensor::from_strings(&shape, &disorder.zones(rows))?,
        Tensor::from_strings(&shape, &disorder.zones(rows))?,
    ];
    for below in [24, 7, 6] {
        let whole: Vec<i64> =
            disorder.numbers(rows, below).into_iter().map(i64::from).collect();
        batch.push(Tensor::from_slice(&shape, &whole)?);
    }
    Ok(batch)
}

type Make = fn(&mut Disorder, usize) -> engine::Result<Vec<Tensor>>;

fn compare(criterion: &mut Criterion, model: &str, make: Make) -> engine::Result<()> {
    let library = Library::load(&find_library(None)?)?;
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../build").join(model);
    let session = Session::open(library, &path, &Options::default())?;
    let mut group = criterion.benchmark_group(model);
    for rows in ROWS {
        let count = (TURN / rows).min(MOST_BATCHES);
        let batches = || -> engine::Result<Vec<_>> {
            let mut disorder = Disorder(2015);
            (0..count).map(|_| make(&mut disorder, rows)).collect()
        };
        let mut floor = Floor::new(&session, batches()?)?;
        let batches = batches()?;
        group.throughput(Throughput::Elements(count as u64));
        group.bench_function(BenchmarkId::new("floor", rows), |bencher| {
            bencher.iter(|| floor.run().map(<[Tensor]>::len).expect("runs"));
        });
        let mut outputs = Vec::new();
        group.bench_function(BenchmarkId::new("run_into", rows), |bencher| {
            bencher.iter(|| {
                for batch in &batches {
                    session.run_into(batch, &[0], &mut outputs).expect("runs");
                }
            });
        });
        group.bench_function(BenchmarkId::new("run", rows), |bencher| {
            bencher.iter(|| {
                for batch in &batches {
                    black_box(session.run(batch).expect("runs"));
                }
            });
        });
    }
    group.finish();
    Ok(())
}

fn bench(criterion: &mut Criterion) {
    for (model, make) in
        [("gbr_tensor.onnx", one_tensor as Make), ("gbr.onnx", columns)]
    {
        compare(criterion, model, make).expect("the bench models are in build/");
    }
}

criterion_group!(benches, bench);
criterion_main!(benches);
