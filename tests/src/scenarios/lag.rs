//! F11: the standby has received everything but not applied it when the active
//! dies. It drains, then serves: slower, never lossy.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::expect::{Is, expect};
use crate::failover::{Failover, way_back};
use crate::node::Node;
use crate::pair::Pair;
use crate::scenario::{Counts, Scenario, protected};
use crate::wait::{Seen, wait_for};

/// Scenarios of this file.
///
/// Red without `Step::Drain` in the promotion, and when the drain stops all of
/// replication instead of the IO thread (tests/broken/drain*.patch).
pub const SCENARIOS: &[Scenario] = &[
    protected("F11", "standby-locked", |pair| behind(pair, Lag::Lock, Duration::from_secs(4))),
    protected("F11", "standby-locked-30s", |pair| behind(pair, Lag::Lock, Duration::from_secs(30))).long(),
    protected("F11", "standby-applies-large-transaction", |pair| behind(pair, Lag::Large, Duration::ZERO)),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Lag {
    /// A table is locked on the standby, and with it all that was committed later; unlocked that long after the active died.
    Lock,
    /// A transaction of many rows was acknowledged just before.
    Large,
}

/// Rows of the large transaction.
const ROWS: u32 = 200_000;

fn behind(pair: &Pair, lag: Lag, long: Duration) -> Result<Counts> {
    let mut story = Failover::begin(pair)?;
    let survivor = story.survivor;
    let file = Lock { node: survivor };
    if lag == Lag::Lock {
        // The SQL thread waits for the lock while the IO thread goes on acknowledging.
        file.lock()?;
    }
    story.write_for(Duration::from_millis(1500))?;
    if lag == Lag::Large {
        let rows = format!(
            "USE lab; CREATE TABLE IF NOT EXISTS lab.large (k INT PRIMARY KEY, x CHAR(100)); TRUNCATE lab.large; \
             INSERT INTO lab.large SELECT seq, REPEAT('x', 100) FROM seq_1_to_{ROWS}"
        );
        story.failed.sql(&rows)?;
    }
    let broken = Instant::now();
    // It says what it is doing while it does it, and does not serve before.
    let watch = std::thread::scope(|scope| {
        let watch = scope.spawn(|| -> Result<bool> {
            if lag == Lag::Large {
                return Ok(true);
            }
            let said = wait_for("progress of the drain", long + Duration::from_secs(5), || {
                let journal = survivor.run("journalctl -u ap-notify --no-pager -n 30")?;
                Ok(if journal.contains("draining the relay log") { Seen::Done(()) } else { Seen::Not(journal) })
            });
            let read_only = survivor.sql("SELECT @@read_only")? == "1";
            std::thread::sleep(long.saturating_sub(broken.elapsed()));
            file.unlock()?;
            said?;
            Ok(read_only)
        });
        let outage = story.strike_within(Node::power_off, long + Duration::from_secs(30));
        let watch = watch.join().map_err(|_| anyhow::anyhow!("panicked")).and_then(|watch| watch);
        outage.and_then(|outage| Ok((outage, watch.context("the drain")?)))
    });
    let (outage, read_only) = watch?;
    ensure!(read_only, "writable before it had everything");
    ensure!(outage >= long, "served after {outage:?}, before it could have everything");
    if lag == Lag::Large {
        let rows = survivor.sql("SELECT COUNT(*) FROM lab.large")?;
        ensure!(rows == ROWS.to_string(), "{rows} of {ROWS} rows of the large transaction");
    }
    story.failed.power_on()?;
    expect(pair, story.failed, Is::Resting)?;
    way_back(pair, survivor)?;
    Ok(Counts { outage: Some(outage), ..story.end()? })
}

/// A session that holds locks on a node until its file is gone.
struct Lock<'a> {
    node: &'a Node,
}

impl Lock<'_> {
    fn lock(&self) -> Result<()> {
        let hold = "touch /run/lab-lock; (printf 'LOCK TABLES lab.writes READ;\\n'; \
             printf 'SELECT 1;\\n'; while [ -e /run/lab-lock ]; do sleep 0.1; done) \
             | mariadb -N -B --unbuffered >/run/lab-locked 2>&1 </dev/stdin & \
             while ! grep -q 1 /run/lab-locked; do sleep 0.05; done";
        self.node.run(hold).map(drop)
    }

    fn unlock(&self) -> Result<()> {
        self.node.run("rm -f /run/lab-lock").map(drop)
    }
}
