complete -c ap-track-db -l config -d 'Configuration [default: $AP_CONFIG, else /etc/ap/ap.toml]' -r -F
complete -c ap-track-db -l socket -d 'Ask the MariaDB that listens here; no configuration is read' -r -F
complete -c ap-track-db -l credentials -d 'TOML file, mode 0600, with user, password, replication-user, replication-password' -r -F
complete -c ap-track-db -l vip -d 'Where this address is, the database must be writable [default: not looked at]' -r
complete -c ap-track-db -l writable-grace -d 'How long it may be read-only there [default: 5s]' -r
complete -c ap-track-db -l deadline -d 'Give up after this long; keepalived\'s timeout must be longer [default: check.timeout less 100ms; 900ms without configuration]' -r
complete -c ap-track-db -l run-dir -d 'Where the verdict is kept, in track/db [default: /run/CODENAME; /run/ap without configuration]' -r -F
complete -c ap-track-db -s h -l help -d 'Print help'
complete -c ap-track-db -s V -l version -d 'Print version'
