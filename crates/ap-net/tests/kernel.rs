//! The real kernel, in a network namespace of its own.

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::process::Command;
use std::time::{Duration, Instant};

use ap_net::watch::Watch;
use ap_net::{Changes, Kernel, Net, Question};

const VIP: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 10);
const PEER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 12);

/// Runs the test below in a fresh namespace; says so loudly where that is not permitted.
#[test]
fn addresses_routes_and_news() {
    let unshare =
        |arguments: &[&str]| Command::new("unshare").args(["--map-root-user", "--net"]).args(arguments).output();
    if !unshare(&["ip", "link", "set", "lo", "up"]).is_ok_and(|output| output.status.success()) {
        assert!(std::env::var_os("CI").is_none(), "no network namespaces here (unshare, ip)");
        let _ = writeln!(std::io::stderr(), "SKIPPED: no network namespaces here (unshare, ip)");
        return;
    }
    let own = std::env::current_exe().unwrap();
    let script = "ip link set lo up && exec \"$0\" --exact inside --ignored --nocapture";
    let output = unshare(&["sh", "-c", script, own.to_str().unwrap()]).unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("1 passed"), "{said}");
}

#[test]
#[ignore = "run in a namespace by the test above"]
fn inside() {
    let net = Kernel;
    let carries = |address| net.own_addresses().unwrap().contains(&address);
    let watch = Watch::new().unwrap();
    assert!(!watch.changed(Instant::now() + Duration::from_millis(50)).unwrap());

    for _ in 0..2 {
        net.add_address("lo", VIP).unwrap();
        assert!(carries(VIP));
    }
    assert!(watch.changed(Instant::now() + Duration::from_secs(5)).unwrap());
    for _ in 0..2 {
        net.remove_address("lo", VIP).unwrap();
        assert!(!carries(VIP));
    }

    // Everything is local here, as it is for a peer that is on: refused at once.
    let ask = || {
        let question = Question {
            from: Ipv4Addr::UNSPECIFIED,
            to: SocketAddrV4::new(PEER, 7331),
            codename: "ap",
            deadline: Duration::from_secs(1),
        };
        format!("{:#}", net.ask(&question).unwrap_err())
    };
    net.add_address("lo", PEER).unwrap();
    assert!(ask().contains("refused"), "{}", ask());
    net.remove_address("lo", PEER).unwrap();
    for _ in 0..2 {
        net.block(PEER).unwrap();
    }
    let before = Instant::now();
    assert!(ask().contains("No route to host"), "{}", ask());
    assert!(before.elapsed() < Duration::from_millis(500));
    for _ in 0..2 {
        net.unblock(PEER).unwrap();
    }
    assert!(ask().contains("Network is unreachable"), "{}", ask());
}
