//! `ap-mode check` before installation, and of a pair that is installed and at
//! rest: files, units, the host. Each thing is broken and mended by the command
//! that check prints.

use std::time::Duration;

use anyhow::{Result, ensure};

use crate::checkup::{Break, break_and_mend, check, codes, finds};
use crate::options::Options;
use crate::pair::Pair;
use crate::product::{ap_mode, config};
use crate::scenario::{Begin, Counts, Scenario, Setup, booted};
use crate::wait::{equals, wait_for};

/// Scenarios of this file.
pub const SCENARIOS: &[Scenario] = &[
    Scenario { setup: &PACKAGE, begin: Begin::Booted, ..booted("op", "check-before-install", before) },
    booted("op", "check-at-rest", at_rest),
];

/// The package and the configuration, nothing else done.
const PACKAGE: Setup = Setup {
    name: "package",
    options: Options::default,
    install: |pair| {
        for node in pair.nodes() {
            for (number, deb) in pair.lab.debs()?.iter().enumerate() {
                node.push(deb, &format!("/root/{number}.deb"), "0644")?;
            }
            node.sh("dpkg -i /root/*.deb", Duration::from_secs(60))?.success()?;
            node.write("/etc/ap/ap.toml", config(pair).as_bytes(), "0644")?;
        }
        Ok(())
    },
};

/// Only what can be wrong before there is anything: no noise about what install will do.
fn before(pair: &Pair) -> Result<Counts> {
    let a = &pair.a;
    // Nobody has been asked to install yet, so the peer is silent too.
    let base = ["AP003", "AP090"];
    a.run("cp /etc/ap/ap.toml /run/ap.toml; echo x=1 >>/etc/ap/ap.toml")?;
    finds(a, &["AP001"])?;
    a.run("cat /run/ap.toml >/etc/ap/ap.toml")?;
    a.run("sed -i s/10.77.0.11/10.77.0.13/ /etc/ap/ap.toml")?;
    finds(a, &["AP002"])?;
    a.run("cat /run/ap.toml >/etc/ap/ap.toml")?;
    let found = break_and_mend(
        a,
        &base,
        &[
            Break {
                how: "echo mine >/etc/keepalived/keepalived.conf",
                codes: &["AP004"],
                mend: "#rm /etc/keepalived/keepalived.conf",
            },
            Break {
                how: "chmod 0666 /etc/ap/ap.toml",
                codes: &["AP009"],
                mend: "chown root:root /etc/ap/ap.toml; chmod 0644 /etc/ap/ap.toml",
            },
            Break {
                how: "mv /lib/systemd/system/demo-api.service /run/; systemctl daemon-reload",
                codes: &["AP071"],
                mend: "#mv /run/demo-api.service /lib/systemd/system/; systemctl daemon-reload",
            },
            Break { how: "ip route del default", codes: &["AP096"], mend: "#ip route add default via 10.77.0.1" },
        ],
    )?;
    let gone =
        Break { how: "mv /usr/sbin/keepalived /run/", codes: &["AP020"], mend: "#mv /run/keepalived /usr/sbin/" };
    break_and_mend(a, &base, &[gone])?;
    // The way a new user goes: one finding after the other disappears.
    ap_mode(a, "install")?;
    finds(a, &["AP090"])?;
    Ok(Counts { note: format!("{} codes", found + 3), ..Counts::default() })
}

const NODE: &[Break] = &[
    Break {
        how: "chmod 0640 /etc/ap/credentials.toml",
        codes: &["AP008"],
        mend: "chmod 0600 /etc/ap/credentials.toml",
    },
    Break { how: "echo '# changed' >>/etc/ap/ap.toml", codes: &["AP005"], mend: "ap-mode install" },
    Break { how: "echo s >/var/lib/ap/mode", codes: &["AP014"], mend: "echo ap >/var/lib/ap/mode" },
    Break {
        how: "chmod g+w /usr/bin/ap-track-nic",
        codes: &["AP011", "AP024"],
        mend: "chown root:root /usr/bin/ap-track-nic; chmod go-w /usr/bin/ap-track-nic",
    },
    Break { how: "systemctl disable ap-peer.socket", codes: &["AP076"], mend: "systemctl enable --now ap-peer.socket" },
    Break {
        how: "printf '[Service]\\nRestart=always\\n' >/etc/systemd/system/mariadb.service.d/99.conf; systemctl daemon-reload",
        codes: &["AP078"],
        mend: "#rm /etc/systemd/system/mariadb.service.d/99.conf; systemctl daemon-reload",
    },
    Break {
        how: "ip address add 10.77.0.100/24 dev host0",
        codes: &["AP098"],
        mend: "ip address delete 10.77.0.100/24 dev host0",
    },
    Break {
        how: "touch /usr/bin/unattended-upgrade; \
              echo 'APT::Periodic::Unattended-Upgrade \"1\";' >/etc/apt/apt.conf.d/20auto-upgrades",
        codes: &["AP111"],
        mend: "printf 'Unattended-Upgrade::Package-Blacklist { \"keepalived\"; \"mariadb-\"; };\\n' >/etc/apt/apt.conf.d/52ap-pair",
    },
    Break {
        how: "touch /usr/sbin/needrestart; mkdir -p /etc/needrestart/conf.d; \
              echo \"\\$nrconf{restart} = 'a';\" >/etc/needrestart/needrestart.conf",
        codes: &["AP112"],
        mend: "echo \"\\$nrconf{restart} = 'l';\" >/etc/needrestart/conf.d/ap-pair.conf",
    },
    Break {
        how: "printf '[Service]\\nExecStart=/bin/sleep 1000\\n[Install]\\nWantedBy=multi-user.target\\n' \
              >/usr/local/lib/systemd/system/pacemaker.service; systemctl daemon-reload; systemctl start pacemaker",
        codes: &["AP113"],
        mend: "systemctl disable --now pacemaker.service",
    },
    Break { how: "rmdir /run/ap/reply", codes: &["AP116"], mend: "systemd-tmpfiles --create" },
    Break {
        how: "cp /bin/sleep /run/pt-kill; systemd-run -q --unit=killer /run/pt-kill 1000",
        codes: &["AP056"],
        mend: "#systemctl stop killer",
    },
];

/// Those that would stand in each other's way.
const APART: &[&[Break]] = &[
    &[
        // While it runs it puts such things right by itself.
        Break {
            how: "systemctl stop ap-peer.socket ap-notify.socket ap-notify.service",
            codes: &["AP076"],
            mend: "systemctl enable --now ap-notify.service",
        },
        Break { how: "systemctl enable demo-api", codes: &["AP072"], mend: "systemctl disable demo-api.service" },
        Break {
            how: "systemctl enable ap",
            codes: &["AP073"],
            mend: "systemctl unmask ap.service; systemctl disable ap.service",
        },
        Break {
            how: "systemctl mask keepalived; systemctl daemon-reload",
            codes: &["AP074"],
            mend: "systemctl unmask keepalived.service",
        },
        Break { how: "true", codes: &[], mend: "#systemctl start ap-notify.socket ap-peer.socket" },
    ],
    &[
        Break {
            how: "rm /etc/systemd/system/demo-api.service.d/50-ap.conf; systemctl daemon-reload",
            codes: &["AP005", "AP077"],
            mend: "ap-mode install",
        },
        Break {
            how: "chmod a-x /usr/bin/ap-track-db",
            codes: &["AP010", "AP024"],
            mend: "#chmod a+x /usr/bin/ap-track-db",
        },
        Break {
            how: "fallocate -l $(($(df --output=avail -B1 / | tail -1) - 300000000)) /filler",
            codes: &["AP115"],
            mend: "#rm /filler",
        },
    ],
    &[
        Break {
            how: "touch -d '+1 hour' /etc/systemd/system/mariadb.service.d/50-ap.conf",
            codes: &["AP079"],
            mend: "systemctl daemon-reload",
        },
        Break {
            how: "fallocate -l $(($(df --output=avail -B1 / | tail -1) - 30000000)) /filler",
            codes: &["AP114"],
            mend: "#rm /filler",
        },
    ],
    &[
        Break {
            how: "cp /lib/systemd/system/demo-api.service /etc/systemd/system/; systemctl daemon-reload",
            codes: &["AP080"],
            mend: "mv /etc/systemd/system/demo-api.service /usr/local/lib/systemd/system/; systemctl daemon-reload",
        },
        Break { how: "systemctl start mariadb.socket", codes: &["AP081"], mend: "systemctl mask --now mariadb.socket" },
        Break { how: "ip route del default", codes: &["AP096"], mend: "#ip route add default via 10.77.0.1" },
    ],
];

/// Everything of a host that can be broken while nothing runs.
fn at_rest(pair: &Pair) -> Result<Counts> {
    let (a, b) = (&pair.a, &pair.b);
    let base = ["AP103"];
    let report = finds(a, &base)?;
    ensure!(report["findings"][0]["mend"] == "ap-mode start" && report["level"] == "warning", "{report}");
    let mut found = break_and_mend(a, &base, NODE)?;
    for breaks in APART {
        found += break_and_mend(a, &base, breaks)?;
    }
    a.run("mv /var/lib/ap/state.toml /run/; echo '[' >/var/lib/ap/state.toml")?;
    finds(a, &["AP013"])?;
    a.run("mv /run/state.toml /var/lib/ap/")?;
    finds(a, &base)?;
    // What is another machine's.
    pair.lab.ip(&["address", "add", "10.77.0.100/32", "dev", "br0"])?;
    finds(a, &["AP099", "AP103"])?;
    pair.lab.ip(&["address", "delete", "10.77.0.100/32", "dev", "br0"])?;
    pair.lab.gateway(false)?;
    finds(a, &["AP095", "AP103"])?;
    pair.lab.gateway(true)?;
    b.run("systemctl stop ap-notify.service ap-notify.socket ap-peer.socket")?;
    finds(a, &["AP090", "AP103"])?;
    let deaf = codes(&check(b)?);
    ensure!(deaf.contains("AP076"), "{deaf:?}");
    b.run("systemctl start ap-peer.socket ap-notify.socket ap-notify.service")?;
    b.run("printf '[keepalived]\\nvirtual-router-id = 52\\n' >>/etc/ap/ap.toml")?;
    ap_mode(b, "install")?;
    finds(a, &["AP006", "AP103"])?;
    b.run("sed -i '/keepalived/,$d' /etc/ap/ap.toml")?;
    ap_mode(b, "install")?;
    a.link_down()?;
    let down = codes(&check(a)?);
    ensure!(down.contains("AP097") && down.contains("AP090"), "{down:?}");
    a.link_up()?;
    finds(a, &base)?;
    // Out of service. A unit that somebody unmasks is masked again within a second,
    // so that AP075 is only there when nobody looks.
    ap_mode(a, "set m")?;
    finds(a, &["AP102"])?;
    a.run("systemctl unmask keepalived")?;
    wait_for("keepalived to be masked again", Duration::from_secs(5), || {
        let file = a.run("systemctl show --value -p UnitFileState keepalived")?;
        Ok(equals(file.as_str(), &"masked"))
    })?;
    finds(a, &["AP102"])?;
    Ok(Counts { note: format!("{} codes", found + 7), ..Counts::default() })
}
