//! The pipe to ap-notify and back, and what becomes of it.

use std::io::Write;

use super::*;
use crate::failure::exit_of;

const QUICK: Limits = Limits { silence: Duration::from_millis(50), total: Duration::from_millis(200) };

fn dir(name: &str) -> PathBuf {
    let dir = std::env::temp_dir().join(format!("ap-mode-pipe-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    dir
}

#[test]
fn replies_come_in_pieces_and_end_with_done() {
    let dir = dir("replies");
    let mut pipe = ReplyPipe::new(&dir, "1-1").unwrap();
    let mut writer = OpenOptions::new().write(true).open(dir.join("1-1")).unwrap();
    let step = b"{\"reply\":\"step\",\"text\":\"one\"}\ngarbage\n{\"reply\":\"do";
    writer.write_all(step).unwrap();
    let rest = std::thread::spawn(move || writer.write_all(b"ne\",\"exit\":1,\"text\":\"no\"}\n").unwrap());
    let mut steps = Vec::new();
    let limits = Limits { silence: Duration::from_secs(5), total: Duration::from_secs(5) };
    let done = pipe.follow(limits, &mut |text| steps.push(text.to_owned())).unwrap();
    rest.join().unwrap();
    assert_eq!((done, steps), ((1, "no".to_owned()), vec!["one".to_owned()]));
    drop(pipe);
    assert_eq!(std::fs::read_dir(&dir).unwrap().count(), 0, "the pipe is removed");
    std::fs::remove_dir_all(&dir).unwrap();
}

#[test]
fn silence_has_a_deadline() {
    let dir = dir("silence");
    let mut pipe = ReplyPipe::new(&dir, "1-1").unwrap();
    let error = pipe.follow(QUICK, &mut |_| ()).unwrap_err();
    assert_eq!(exit_of(&error), Exit::Deadline);
    std::fs::remove_dir_all(&dir).unwrap();
}

#[test]
fn no_reader_and_no_directory_are_unavailable() {
    let dir = dir("absent");
    let fifo = dir.join("fifo");
    assert_eq!(exit_of(&send(&fifo, "x\n").unwrap_err()), Exit::Unavailable);
    nix::unistd::mkfifo(&fifo, Mode::S_IRWXU).unwrap();
    assert_eq!(exit_of(&send(&fifo, "x\n").unwrap_err()), Exit::Unavailable);
    assert_eq!(exit_of(&ReplyPipe::new(&dir.join("reply"), "1").unwrap_err()), Exit::Unavailable);
    std::fs::remove_dir_all(&dir).unwrap();
}

#[test]
fn pipes_of_the_dead_are_swept() {
    let dir = dir("sweep");
    let alive = format!("{}-1", std::process::id());
    // No process has the largest id there can be.
    for name in ["4194305-1", &alive, "odd"] {
        std::fs::write(dir.join(name), "").unwrap();
    }
    sweep(&dir);
    let mut left: Vec<_> = std::fs::read_dir(&dir).unwrap().map(|e| e.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, [alive.as_str(), "odd"]);
    std::fs::remove_dir_all(&dir).unwrap();
}
