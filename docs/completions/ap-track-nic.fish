complete -c ap-track-nic -l config -d 'Configuration [default: $AP_CONFIG, else /etc/ap/ap.toml]' -r -F
complete -c ap-track-nic -l nic -d 'Check this interface; no configuration is read' -r
complete -c ap-track-nic -l address -d 'The address it must carry [default: any]' -r
complete -c ap-track-nic -l deadline -d 'Give up after this long; keepalived\'s timeout must be longer [default: check.timeout less 100ms; 900ms without configuration]' -r
complete -c ap-track-nic -l run-dir -d 'Where the verdict is kept, in track/nic [default: /run/CODENAME; /run/ap without configuration]' -r -F
complete -c ap-track-nic -l wait -d 'Wait this long for it to become good, as at boot' -r
complete -c ap-track-nic -s h -l help -d 'Print help'
complete -c ap-track-nic -s V -l version -d 'Print version'
