//! Programs that start and end, as many as this machine can.

use std::process::Command;
use std::time::Instant;

use anyhow::{Result, ensure};

use super::Rate;

/// The program: it does nothing.
pub(crate) const PROGRAM: &str = "/bin/true";

/// Starts so many, from a thread for each processor.
pub(crate) fn run(count: u32) -> Result<Rate> {
    let threads = u32::try_from(std::thread::available_parallelism()?.get())?;
    let begin = Instant::now();
    let started: Result<Vec<u32>> = std::thread::scope(|scope| {
        let handles: Vec<_> = (0..threads)
            .map(|thread| scope.spawn(move || start(thread, count / threads)))
            .collect();
        let ended = handles.into_iter().map(|handle| {
            handle
                .join()
                .unwrap_or_else(|_| Err(anyhow::anyhow!("a thread fell over")))
        });
        ended.collect()
    });
    Ok(Rate {
        count: started?.iter().sum(),
        seconds: begin.elapsed().as_secs_f64(),
    })
}

fn start(thread: u32, count: u32) -> Result<u32> {
    for number in 0..count {
        let arguments = [thread.to_string(), number.to_string()];
        let status = Command::new(PROGRAM).args(arguments).status()?;
        ensure!(status.success(), "`{PROGRAM}` ended with {status}");
    }
    Ok(count)
}
