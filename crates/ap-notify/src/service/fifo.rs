//! The FIFO, read line by line; what a line means is for the agent. Lines that are
//! there together go to it together: what the first says may be over by the second.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::sync::mpsc::Sender;
use std::thread;
use std::time::Duration;

use anyhow::Result;
use ap_core::agent::Input;
use ap_core::message::{BadLine, MAX_LINE, Message};

use super::spawn;

/// As much as a pipe holds (pipe(7)).
const PIPE: usize = 64 * 1024;
/// Pause when there is nothing to be read where there should be.
const PAUSE: Duration = Duration::from_millis(100);

/// Reads for ever. Lines longer than the kernel writes in one piece are garbage and
/// are said to be.
///
/// # Errors
/// The thread cannot be started.
pub fn read(fifo: File, instance: String, inputs: Sender<Input>) -> Result<()> {
    spawn("fifo", move || {
        let mut reader = BufReader::with_capacity(PIPE, fifo);
        let (mut line, mut lines) = (Vec::new(), Vec::new());
        loop {
            match reader.by_ref().take(MAX_LINE as u64).read_until(b'\n', &mut line) {
                // Opened for reading and writing by systemd, the pipe has no end.
                Ok(0) => thread::sleep(PAUSE),
                // Garbage without an end: only what may be a line at its end is kept.
                Ok(_) if !line.ends_with(b"\n") => drop(line.drain(..line.len().saturating_sub(MAX_LINE))),
                Ok(_) => match understand(&String::from_utf8_lossy(&line), &instance) {
                    Ok(message) => lines.extend(message),
                    Err(error) => log::warn!("ignored a line in the FIFO: {error}"),
                },
                Err(error) => {
                    log::error!("failed to read the FIFO: {error}");
                    thread::sleep(PAUSE);
                }
            }
            if line.ends_with(b"\n") {
                line.clear();
            }
            let more = reader.buffer().contains(&b'\n');
            if !more && !lines.is_empty() && inputs.send(Input::Lines(std::mem::take(&mut lines))).is_err() {
                return;
            }
        }
    })
}

/// A message, also behind what somebody wrote without a newline: that must not
/// cost keepalived's word.
fn understand(line: &str, instance: &str) -> Result<Option<Message>, BadLine> {
    let understood = Message::parse(line, instance);
    if understood.is_ok() {
        return understood;
    }
    let starts = ["INSTANCE \"", "GROUP \"", "UNIT ", "{\"id\":"];
    let last = starts.into_iter().filter_map(|start| line.rfind(start)).max();
    match last.filter(|at| *at > 0).map(|at| Message::parse(&line[at..], instance)) {
        Some(Ok(message)) => Ok(message),
        _ => understood,
    }
}

#[cfg(test)]
mod tests {
    use ap_core::mode::{Service, Vrrp};

    use super::*;

    #[test]
    fn what_stands_behind_garbage_is_understood() {
        let table = [
            ("INSTANCE \"ap\" MASTER 254\n", Ok(Some(Message::Vrrp(Vrrp::Master)))),
            ("junkINSTANCE \"ap\" FAULT 254\n", Ok(Some(Message::Vrrp(Vrrp::Fault)))),
            ("UNIT dUNIT api started\n", Ok(Some(Message::Started(Service::Api)))),
            ("junkINSTANCE \"other\" FAULT 254\n", Ok(None)),
        ];
        for (line, expected) in table {
            assert_eq!(understand(line, "ap"), expected, "{line}");
        }
        for line in ["junk", "junkINSTANCE \"ap\" SLAVE 1", "\u{fffd}\u{0}"] {
            assert!(understand(line, "ap").is_err(), "{line}");
        }
    }
}
