//! The pair: the way to the peer, and whether the next failure would be survived.

use ap_core::mode::{Mode, Role, Vrrp};
use ap_core::observed::Gateway;

use super::{Facts, Findings, codes};

codes! {
    PEER_SILENT "AP090" Critical "the peer does not answer"
        "neither node can tell whether the other serves: no promotion without a lease, no way back (F1, F7, F8)"
    SLOW "AP091" Warning "the peer answers slowly"
        "questions go unanswered under load: leases lapse, and writes stall (F6, F16)"
    NO_VRRP "AP092" Critical "no adverts arrive from the peer"
        "keepalived takes the address although the peer has it: the standby has to refuse, again and again (F19)"
    UNHEARD "AP093" Critical "the peer's keepalived is not in BACKUP"
        "it would not take over, or does not hear this node's adverts (F1 to F5, F19)"
    PORT "AP094" Critical "the peer's database port does not answer"
        "one of the two cannot replicate from the other: no protection, no way back"
    GATEWAY "AP095" Warning "no witness answers"
        "this node cannot tell that it is cut off: it refuses to take over and stalls instead of going on alone (F1, F6, F7)"
    NO_GATEWAY "AP096" Warning "there is no witness"
        "this node cannot tell that it is cut off: it goes on although only its peer could be reached (F7)"
    NIC "AP097" Critical "the network interface is not as configured"
        "keepalived cannot hold the address here (F2)"
    ADDRESS_PREFIX "AP098" Warning "the virtual address is here as no /32"
        "somebody else put it there: it stays when keepalived gives it away (F3, F14)"
    TAKEN "AP099" Critical "a third machine has the virtual address"
        "clients reach it instead of the pair"
    ALONE "AP100" Warning "one node serves alone"
        "the next failure is an outage, and a lost disk is lost data"
    UNPROTECTED "AP101" Warning "acknowledged writes are not on both nodes"
        "the standby may not take over until they are (F6, F21)"
    OUT "AP102" Warning "this node is out of service"
        "the next failure of the other one is an outage"
    NOT_STARTED "AP103" Warning "this node is not started"
        "it does not serve and could not take over"
    ROLES "AP104" Critical "both nodes believe to be the active one, or neither does"
        "nobody serves after the next restart, or the older one has to leave (F9, F10)"
}

pub fn check(facts: &Facts, found: &mut Findings) {
    way(facts, found);
    vrrp(facts, found);
    if facts.set_up().is_some() {
        pair(facts, found);
    }
}

fn way(facts: &Facts, found: &mut Findings) {
    let (config, peer, network) = (&facts.config, &facts.peer, &facts.network);
    let to = format!("{}:{}", peer.address, config.pair.port);
    match &facts.sights[1].now {
        Err(error) => found.add(
            &PEER_SILENT,
            format!("{}: {error}", peer.name),
            format!(
                "on {}: systemctl enable --now ap-peer.socket; firewall: let TCP {} through between the two",
                peer.name, config.pair.port
            ),
        ),
        Ok(answer) => {
            if let (true, Err(error)) = (answer.writable.is_some(), &network.database_port) {
                found.add(
                    &PORT,
                    format!("{}:{}: {error}", peer.address, config.database.port),
                    format!(
                        "firewall: let TCP {} through between the two; bind_address = 0.0.0.0",
                        config.database.port
                    ),
                );
            }
        }
    }
    if let Some(time) = network.round_trip.filter(|time| *time > config.pair.ask_timeout.get() / 2) {
        found.add(
            &SLOW,
            format!("{to} took {} ms, pair.ask-timeout is {}", time.as_millis(), config.pair.ask_timeout),
            format!("ping {}; else a larger pair.ask-timeout and pair.lease, on both", peer.address),
        );
    }
    match network.gateway {
        Gateway::Answers => {}
        Gateway::Silent => {
            found.add(&GATEWAY, "no answer to ping", "ip route get 1; ping the gateway, or set pair.witness")
        }
        Gateway::None => found.add(
            &NO_GATEWAY,
            "no default route and no pair.witness",
            "set pair.witness to a third machine, on both",
        ),
    }
    if let Some(wrong) = &network.nic {
        let nic = &facts.own.nic;
        found.add(&NIC, format!("{nic}: {wrong}"), format!("ip address show dev {nic}; ip link set {nic} up"));
    }
    for (nic, prefix) in network.vip.iter().filter(|(_, prefix)| *prefix != 32) {
        let vip = config.vip;
        found.add(
            &ADDRESS_PREFIX,
            format!("{vip}/{prefix} on {nic}"),
            format!("ip address delete {vip}/{prefix} dev {nic}"),
        );
    }
    let vip = config.vip;
    found.need(
        !network.vip_answers,
        &TAKEN,
        format!("neither node has {vip}, and it answers"),
        format!("ip neigh show {vip} names its hardware address; take the address off that machine"),
    );
}

fn vrrp(facts: &Facts, found: &mut Findings) {
    let [own, peer] = facts.sights.each_ref().map(|sight| sight.now.as_ref().ok());
    let (Some(own), Some(peer)) = (own, peer) else { return };
    // What the standby refused it tries again within a minute, or when told.
    let refuses = if peer.serves() { own } else { peer };
    let mend = format!(
        "firewall: let IP protocol 112 through between {} and {}; then on {}: ap-mode restart",
        facts.own.address, facts.peer.address, refuses.host
    );
    if facts.network.adverts == Some(false) {
        found.add(&NO_VRRP, format!("{} holds the VIP and is not heard here", peer.host), &mend);
    }
    let standby = peer.mode == Mode::Ap && peer.role == Role::Standby && peer.report.started;
    if standby && own.vrrp == Some(Vrrp::Master) && peer.vrrp != Some(Vrrp::Backup) {
        let word = peer.vrrp.map_or("nothing", Vrrp::as_str);
        found.add(
            &UNHEARD,
            format!("keepalived on {} says {word}", peer.host),
            format!("on {}: ap-mode check; {mend}", peer.host),
        );
    }
}

/// Whether the next failure would be survived.
fn pair(facts: &Facts, found: &mut Findings) {
    let [own, peer] = facts.sights.each_ref().map(|sight| sight.known());
    let Some(own) = own else { return };
    let answering = facts.sights[1].now.as_ref().ok();
    if own.mode == Mode::M {
        let other = answering.map_or("the other host", |peer| &peer.host);
        found.add(
            &OUT,
            format!("mode m since {} ({}): {}", own.since, own.who, own.why),
            format!("ap-mode set ap, then ap-mode set ap on {other}"),
        );
    } else if !own.report.started {
        found.add(&NOT_STARTED, format!("mode {}, role {}", own.mode, own.role), "ap-mode start");
    } else if own.mode == Mode::S || own.solo {
        let name = answering.map_or(facts.peer.name.as_str(), |peer| &peer.host);
        let mend = if own.mode == Mode::S {
            format!("ap-mode set ap on {name}, then here")
        } else {
            format!("on {name}: ap-mode start, or ap-mode check")
        };
        found.add(&ALONE, format!("{} acknowledges alone: {}", own.host, own.why), mend);
    } else if !own.protected {
        found.add(&UNPROTECTED, &own.protection, "ap-mode status; ap-mode check on the other host");
    }
    let Some(peer) = peer.filter(|_| answering.is_some()) else { return };
    let both = own.mode == Mode::Ap && peer.mode == Mode::Ap;
    if (both && own.role == peer.role) || (own.serves() && peer.serves()) {
        found.add(
            &ROLES,
            format!("{} is {} {}, {} is {} {}", own.host, own.mode, own.role, peer.host, peer.mode, peer.role),
            format!(
                "ap-mode set m on the one with the lower epoch ({} {}, {} {}), then set ap there",
                own.host, own.epoch, peer.host, peer.epoch
            ),
        );
    }
}
