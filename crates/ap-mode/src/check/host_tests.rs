use super::*;

/// Lines as they were recorded on Fedora (SELinux, audit.log and the kernel's
/// log) and on Ubuntu (AppArmor).
const SELINUX: &str = r#"
type=AVC msg=audit(1718872371.502:341): avc:  denied  { execute } for  pid=2311 comm="keepalived" name="ap-track-db" dev="vda2" ino=135213 scontext=system_u:system_r:keepalived_t:s0 tcontext=unconfined_u:object_r:bin_t:s0 tclass=file permissive=0
audit: type=1400 audit(1718872372.114:342): avc:  denied  { write } for  pid=2312 comm="ap-track-db" path="/run/mysqld/mysqld.sock" scontext=system_u:system_r:keepalived_t:s0 tcontext=system_u:object_r:mysqld_var_run_t:s0 tclass=sock_file permissive=0
type=AVC msg=audit(1718872372.900:343): avc:  denied  { name_bind } for  pid=2400 comm="keepalived" src=7331 scontext=system_u:system_r:keepalived_t:s0 tcontext=system_u:object_r:unreserved_port_t:s0 tclass=udp_socket permissive=1
type=AVC msg=audit(1718872380.001:350): avc:  denied  { read } for  pid=99 comm="httpd" name="index.html" dev="vda2" ino=1 scontext=system_u:system_r:httpd_t:s0 tcontext=unconfined_u:object_r:user_home_t:s0 tclass=file permissive=0
"#;
const APPARMOR: &str = r#"
audit: type=1400 audit(1718872301.377:88): apparmor="DENIED" operation="open" profile="/usr/sbin/mariadbd" name="/etc/ap/ca.pem" pid=1433 comm="mariadbd" requested_mask="r" denied_mask="r" fsuid=111 ouid=0
audit: type=1400 audit(1718872301.400:89): apparmor="DENIED" operation="capable" profile="/usr/sbin/mariadbd" pid=1433 comm="mariadbd" capability=2 capname="dac_read_search"
audit: type=1400 audit(1718872302.377:90): apparmor="STATUS" operation="profile_load" profile="unconfined" name="/usr/sbin/mariadbd" pid=433 comm="apparmor_parser"
audit: type=1400 audit(1718872303.100:91): apparmor="DENIED" operation="open" profile="snap.firefox" name="/etc/fstab" pid=7 comm="firefox" requested_mask="r" denied_mask="r" fsuid=1000 ouid=0
"#;

#[test]
fn refusals_that_concern_us_are_found_in_recorded_logs() {
    let found = denials(&[SELINUX, APPARMOR, APPARMOR].concat());
    let seen: Vec<String> =
        found.iter().map(|denial| format!("{} {}: {}", denial.module, denial.program, denial.what)).collect();
    let expected = [
        "SELinux keepalived: execute file ap-track-db",
        "SELinux ap-track-db: write sock_file /run/mysqld/mysqld.sock",
        "AppArmor mariadbd: r /etc/ap/ca.pem",
        "AppArmor mariadbd: capable dac_read_search",
    ];
    assert_eq!(seen, expected);
    assert!(denials("nothing\navc: denied\napparmor=\"DENIED\"").is_empty());
}

#[test]
fn upgrades_by_night_are_seen() {
    let on = "APT::Periodic::Update-Package-Lists \"1\";\nAPT::Periodic::Unattended-Upgrade \"1\";\n";
    let off = "APT::Periodic::Unattended-Upgrade \"0\";\n";
    let one = "Unattended-Upgrade::Package-Blacklist {\n  \"keepalived\";\n};\n";
    let both = "Unattended-Upgrade::Package-Blacklist { \"keepalived\"; \"mariadb-\"; };\n";
    let comment = "Unattended-Upgrade::Package-Blacklist {\n//  \"keepalived\"; \"mariadb-\";\n};\n";
    let table = [("", false), (on, true), (off, false)];
    for (conf, expected) in table {
        assert_eq!(unattended(conf), expected, "{conf}");
    }
    let table = [([on, off], false), ([on, one], true), ([on, both], false), ([on, comment], true)];
    for (confs, expected) in table {
        assert_eq!(unattended(&confs.concat()), expected, "{confs:?}");
    }
}

#[test]
fn restarts_without_asking_are_seen() {
    let table = [
        ("", false),
        ("#$nrconf{restart} = 'a';\n", false),
        ("$nrconf{restart} = 'a';\n", true),
        ("$nrconf{restart} = 'a';\n$nrconf{restart} = 'l';\n", false),
    ];
    for (conf, expected) in table {
        assert_eq!(needrestart(conf), expected, "{conf}");
    }
}
