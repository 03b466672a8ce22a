complete -c ap-track-api -l config -d 'Configuration [default: $AP_CONFIG, else /etc/ap/ap.toml]' -r -F
complete -c ap-track-api -l url -d 'Ask for this http or https URL; no configuration is read' -r
complete -c ap-track-api -l expect-status -d 'The status that counts as healthy [default: 200]' -r
complete -c ap-track-api -l expect-body -d 'Text the body must contain' -r
complete -c ap-track-api -l ca-file -d 'Certificate authority for https, instead of the system\'s' -r -F
complete -c ap-track-api -l redirects -d 'Redirects to follow, 0 to 10 [default: 0]' -r
complete -c ap-track-api -l deadline -d 'Give up after this long; keepalived\'s timeout must be longer [default: check.timeout less 100ms; 900ms without configuration]' -r
complete -c ap-track-api -l run-dir -d 'Where the verdict is kept, in track/api [default: /run/CODENAME; /run/ap without configuration]' -r -F
complete -c ap-track-api -l insecure -d 'Do not verify the certificate; sensible on loopback only'
complete -c ap-track-api -s h -l help -d 'Print help'
complete -c ap-track-api -s V -l version -d 'Print version'
