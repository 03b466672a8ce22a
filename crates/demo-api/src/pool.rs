//! Worker threads with one database connection each.
//!
//! The client's deadline and the connection are kept apart on purpose. A commit
//! that waits for the standby's acknowledgement may hang for as long as the
//! standby is away. Giving up on the connection would leave the session behind
//! in the server, and one more for each retry until `max_connections` is spent;
//! KILL would make MariaDB call the commit done. So the client is told in time
//! and the worker waits on: never more sessions than workers.

use std::collections::VecDeque;
use std::io;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

type Work<C> = Box<dyn FnOnce(&mut C) + Send>;

/// The deadline passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Late {
    /// No worker took the job, and none will.
    NotStarted,
    /// A worker is at it still.
    Running,
}

/// Jobs nobody has taken yet.
struct Waiting<C> {
    /// The number of the youngest job.
    last: u64,
    jobs: VecDeque<(u64, Work<C>)>,
}

struct Queue<C> {
    waiting: Mutex<Waiting<C>>,
    more: Condvar,
}

impl<C> Queue<C> {
    fn lock(&self) -> MutexGuard<'_, Waiting<C>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Work<C> {
        let mut waiting = self.lock();
        loop {
            match waiting.jobs.pop_front() {
                Some((_, work)) => return work,
                None => waiting = self.more.wait(waiting).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }
}

/// Threads that each own a `C` and live as long as the process.
pub struct Pool<C> {
    queue: Arc<Queue<C>>,
}

impl<C: Send + 'static> Pool<C> {
    /// Starts one thread for each of `owned`.
    pub fn start(name: &str, owned: impl IntoIterator<Item = C>) -> io::Result<Self> {
        let queue =
            Arc::new(Queue { waiting: Mutex::new(Waiting { last: 0, jobs: VecDeque::new() }), more: Condvar::new() });
        for mut own in owned {
            let queue = Arc::clone(&queue);
            thread::Builder::new().name(name.into()).spawn(move || {
                loop {
                    queue.take()(&mut own);
                }
            })?;
        }
        Ok(Self { queue })
    }

    /// Has a worker do `job`, and waits for its result until `deadline` has passed.
    pub fn run<T: Send + 'static>(
        &self,
        deadline: Duration,
        job: impl FnOnce(&mut C) -> T + Send + 'static,
    ) -> Result<T, Late> {
        let (send, receive) = sync_channel(1);
        // Nobody listens any more once the deadline has passed: not an error.
        let work = Box::new(move |own: &mut C| drop(send.send(job(own))));
        let number = {
            let mut waiting = self.queue.lock();
            waiting.last += 1;
            let number = waiting.last;
            waiting.jobs.push_back((number, work));
            number
        };
        self.queue.more.notify_one();
        match receive.recv_timeout(deadline) {
            Ok(result) => Ok(result),
            Err(RecvTimeoutError::Disconnected) => Err(Late::Running),
            Err(RecvTimeoutError::Timeout) => {
                let mut waiting = self.queue.lock();
                let before = waiting.jobs.len();
                waiting.jobs.retain(|(other, _)| *other != number);
                if waiting.jobs.len() < before {
                    return Err(Late::NotStarted);
                }
                drop(waiting);
                // It may have been finished between the two looks.
                receive.try_recv().map_err(|_| Late::Running)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    const LONG: Duration = Duration::from_secs(10);
    const SHORT: Duration = Duration::from_millis(30);

    #[test]
    fn runs_jobs_on_what_the_worker_owns() {
        let pool = Pool::start("test", [10]).unwrap();
        let next = |own: &mut i32| {
            *own += 1;
            *own
        };
        assert_eq!(pool.run(LONG, next), Ok(11));
        assert_eq!(pool.run(LONG, next), Ok(12));
    }

    #[test]
    fn tells_a_job_that_runs_from_one_that_never_will() {
        let pool = Pool::start("test", [0]).unwrap();
        let (release, blocked) = channel::<()>();
        let (started, has_started) = channel();
        let hung = pool.run(SHORT, move |own| {
            started.send(()).unwrap();
            blocked.recv().unwrap();
            *own += 1;
        });
        has_started.recv_timeout(LONG).unwrap();
        assert_eq!(hung, Err(Late::Running));
        // The only worker is busy: this one is taken back and must not happen later.
        assert_eq!(pool.run(SHORT, |own| *own += 100), Err(Late::NotStarted));
        release.send(()).unwrap();
        assert_eq!(pool.run(LONG, |own| *own), Ok(1));
    }
}
