//! The scaling curve: work on an export in parts, relative to one process.
//!
//! Each part is mapped to a file by its own process on one thread, and as many of these run at the same time as the
//! machine has cores. One process on all cores reduces the files to what the command prints for the whole export.

mod curve;
mod pipeline;
mod space;

pub(super) use curve::{Column, cell, rows, table};

use std::fs::{self, File};
use std::io;

use anyhow::Result;

use super::Bench;
use super::figure::{Figure, grouped};
use curve::Curve;
use pipeline::{PIPELINES, Place};

/// The numbers of events in the exports.
const SIZES: [u64; 2] = [1_000_000, 10_000_000];
/// The numbers of parts of an export.
pub(super) const PARTS: [u64; 4] = [1, 2, 4, 8];

/// Returns the numbers of events in the exports.
pub(super) fn sizes(bench: &Bench<'_>) -> Vec<u64> {
    let chosen = bench.args.events.map(|events| vec![events]);
    chosen.unwrap_or_else(|| SIZES.map(|events| bench.scaled(events)).into())
}

pub(super) fn measure(bench: &Bench<'_>) -> Result<Vec<Figure>> {
    let folder = bench.tools.path("target/bench/scale");
    fs::create_dir_all(&folder)?;
    for events in sizes(bench) {
        space::check(&folder, events)?;
    }
    bench.build_natives()?;
    let place = Place::new(folder, bench.release("countersign"))?;
    let measured: Result<Vec<_>> =
        sizes(bench).into_iter().map(|events| one(bench, &place, events)).collect();
    place.delete()?;
    Ok(measured?.concat())
}

/// Measures all pipelines on an export of this many events.
fn one(bench: &Bench<'_>, place: &Place, events: u64) -> Result<Vec<Figure>> {
    let progress = &bench.tools.progress;
    let name = format!("{} events", grouped(&events.to_string()));
    progress.step(&format!("export of {name}"), |log| {
        let mut generate = bench.benches();
        log.run(generate.arg("generate").arg(&place.folder).args([
            "--events",
            &events.to_string(),
            "--no-work",
        ]))?;
        // Read everything once, so that the first process doesn't have to read from disk.
        Ok(io::copy(&mut File::open(place.export())?, &mut io::sink())?)
    })?;
    let mut curve = Curve::new(name.clone(), events, fs::metadata(place.export())?.len());
    progress.step(&format!("scaling curve of {name}"), |log| {
        for _ in 0..bench.args.rounds {
            for pipeline in PIPELINES {
                if pipeline.is_present(place)? {
                    curve.add(pipeline.run(place, log, &PARTS)?);
                }
            }
        }
        Ok(())
    })?;
    Ok(curve.figures())
}
