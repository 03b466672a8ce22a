//! Tries the adapter on a real systemd: `units start|stop|restart|fence|mask|unmask|enable|disable|state UNIT`.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use ap_systemd::{FileChange, Systemd, Units};

fn main() -> ExitCode {
    let deadline = Duration::from_secs(10);
    let systemd = Systemd::new(deadline);
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let begun = Instant::now();
    let result = match args.as_slice() {
        ["start", unit] => systemd.start(unit, deadline),
        ["stop", unit] => systemd.stop(unit, deadline),
        ["restart", unit] => systemd.restart(unit, deadline),
        ["fence", unit] => systemd.fence(unit, deadline),
        ["mask", units @ ..] => systemd.unit_files(&[(FileChange::Mask, units)]),
        ["unmask", units @ ..] => systemd.unit_files(&[(FileChange::Unmask, units)]),
        ["enable", units @ ..] => systemd.unit_files(&[(FileChange::Enable, units)]),
        ["disable", units @ ..] => systemd.unit_files(&[(FileChange::Disable, units)]),
        ["reset-failed", unit] => systemd.reset_failed(unit),
        ["state", units @ ..] => systemd.states(units).map(|states| {
            for (unit, state) in units.iter().zip(states) {
                println!("{unit} {state:?}");
            }
        }),
        ["shutting-down"] => systemd.shutting_down().map(|on| println!("{on}")),
        _ => Err(anyhow::anyhow!("what?")),
    };
    eprintln!("{:?}", begun.elapsed());
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
