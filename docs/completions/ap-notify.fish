# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_ap_notify_global_optspecs
    string join \n config= h/help V/version
end

function __fish_ap_notify_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_ap_notify_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_ap_notify_using_subcommand
    set -l cmd (__fish_ap_notify_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c ap-notify -n "__fish_ap_notify_needs_command" -l config -d 'Configuration file [env: AP_CONFIG] [default: /etc/ap/ap.toml]' -r -F
complete -c ap-notify -n "__fish_ap_notify_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ap-notify -n "__fish_ap_notify_needs_command" -s V -l version -d 'Print version'
complete -c ap-notify -n "__fish_ap_notify_needs_command" -f -a "serve" -d 'Run the service; started by systemd, which hands over the FIFO and the socket'
complete -c ap-notify -n "__fish_ap_notify_needs_command" -f -a "master" -d 'keepalived made this node MASTER'
complete -c ap-notify -n "__fish_ap_notify_needs_command" -f -a "backup" -d 'keepalived made this node BACKUP'
complete -c ap-notify -n "__fish_ap_notify_needs_command" -f -a "fault" -d 'keepalived sees a fault'
complete -c ap-notify -n "__fish_ap_notify_needs_command" -f -a "stop" -d 'keepalived stops'
complete -c ap-notify -n "__fish_ap_notify_needs_command" -f -a "unit-started" -d 'A unit has started (`ExecStartPost`)'
complete -c ap-notify -n "__fish_ap_notify_needs_command" -f -a "unit-stopping" -d 'A unit is being stopped, or has ended by itself (`ExecStop`); reads `$MAINPID`'
complete -c ap-notify -n "__fish_ap_notify_needs_command" -f -a "hand-over" -d 'keepalived is being stopped (`ExecStop`): if the machine goes down, the active of a pair hands over first'
complete -c ap-notify -n "__fish_ap_notify_needs_command" -f -a "unit-stopped" -d 'A unit has ended (`ExecStopPost`); reads `$SERVICE_RESULT`'
complete -c ap-notify -n "__fish_ap_notify_needs_command" -f -a "INSTANCE" -d 'keepalived\'s own form: INSTANCE NAME STATE PRIORITY'
complete -c ap-notify -n "__fish_ap_notify_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c ap-notify -n "__fish_ap_notify_using_subcommand serve" -l config -d 'Configuration file [env: AP_CONFIG] [default: /etc/ap/ap.toml]' -r -F
complete -c ap-notify -n "__fish_ap_notify_using_subcommand serve" -s h -l help -d 'Print help'
complete -c ap-notify -n "__fish_ap_notify_using_subcommand master" -l config -d 'Configuration file [env: AP_CONFIG] [default: /etc/ap/ap.toml]' -r -F
complete -c ap-notify -n "__fish_ap_notify_using_subcommand master" -s h -l help -d 'Print help'
complete -c ap-notify -n "__fish_ap_notify_using_subcommand backup" -l config -d 'Configuration file [env: AP_CONFIG] [default: /etc/ap/ap.toml]' -r -F
complete -c ap-notify -n "__fish_ap_notify_using_subcommand backup" -s h -l help -d 'Print help'
complete -c ap-notify -n "__fish_ap_notify_using_subcommand fault" -l config -d 'Configuration file [env: AP_CONFIG] [default: /etc/ap/ap.toml]' -r -F
complete -c ap-notify -n "__fish_ap_notify_using_subcommand fault" -s h -l help -d 'Print help'
complete -c ap-notify -n "__fish_ap_notify_using_subcommand stop" -l config -d 'Configuration file [env: AP_CONFIG] [default: /etc/ap/ap.toml]' -r -F
complete -c ap-notify -n "__fish_ap_notify_using_subcommand stop" -s h -l help -d 'Print help'
complete -c ap-notify -n "__fish_ap_notify_using_subcommand unit-started" -l config -d 'Configuration file [env: AP_CONFIG] [default: /etc/ap/ap.toml]' -r -F
complete -c ap-notify -n "__fish_ap_notify_using_subcommand unit-started" -s h -l help -d 'Print help'
complete -c ap-notify -n "__fish_ap_notify_using_subcommand unit-stopping" -l config -d 'Configuration file [env: AP_CONFIG] [default: /etc/ap/ap.toml]' -r -F
complete -c ap-notify -n "__fish_ap_notify_using_subcommand unit-stopping" -s h -l help -d 'Print help'
complete -c ap-notify -n "__fish_ap_notify_using_subcommand hand-over" -l config -d 'Configuration file [env: AP_CONFIG] [default: /etc/ap/ap.toml]' -r -F
complete -c ap-notify -n "__fish_ap_notify_using_subcommand hand-over" -s h -l help -d 'Print help'
complete -c ap-notify -n "__fish_ap_notify_using_subcommand unit-stopped" -l config -d 'Configuration file [env: AP_CONFIG] [default: /etc/ap/ap.toml]' -r -F
complete -c ap-notify -n "__fish_ap_notify_using_subcommand unit-stopped" -s h -l help -d 'Print help'
complete -c ap-notify -n "__fish_ap_notify_using_subcommand INSTANCE" -l config -d 'Configuration file [env: AP_CONFIG] [default: /etc/ap/ap.toml]' -r -F
complete -c ap-notify -n "__fish_ap_notify_using_subcommand INSTANCE" -s h -l help -d 'Print help'
complete -c ap-notify -n "__fish_ap_notify_using_subcommand help; and not __fish_seen_subcommand_from serve master backup fault stop unit-started unit-stopping hand-over unit-stopped INSTANCE help" -f -a "serve" -d 'Run the service; started by systemd, which hands over the FIFO and the socket'
complete -c ap-notify -n "__fish_ap_notify_using_subcommand help; and not __fish_seen_subcommand_from serve master backup fault stop unit-started unit-stopping hand-over unit-stopped INSTANCE help" -f -a "master" -d 'keepalived made this node MASTER'
complete -c ap-notify -n "__fish_ap_notify_using_subcommand help; and not __fish_seen_subcommand_from serve master backup fault stop unit-started unit-stopping hand-over unit-stopped INSTANCE help" -f -a "backup" -d 'keepalived made this node BACKUP'
complete -c ap-notify -n "__fish_ap_notify_using_subcommand help; and not __fish_seen_subcommand_from serve master backup fault stop unit-started unit-stopping hand-over unit-stopped INSTANCE help" -f -a "fault" -d 'keepalived sees a fault'
complete -c ap-notify -n "__fish_ap_notify_using_subcommand help; and not __fish_seen_subcommand_from serve master backup fault stop unit-started unit-stopping hand-over unit-stopped INSTANCE help" -f -a "stop" -d 'keepalived stops'
complete -c ap-notify -n "__fish_ap_notify_using_subcommand help; and not __fish_seen_subcommand_from serve master backup fault stop unit-started unit-stopping hand-over unit-stopped INSTANCE help" -f -a "unit-started" -d 'A unit has started (`ExecStartPost`)'
complete -c ap-notify -n "__fish_ap_notify_using_subcommand help; and not __fish_seen_subcommand_from serve master backup fault stop unit-started unit-stopping hand-over unit-stopped INSTANCE help" -f -a "unit-stopping" -d 'A unit is being stopped, or has ended by itself (`ExecStop`); reads `$MAINPID`'
complete -c ap-notify -n "__fish_ap_notify_using_subcommand help; and not __fish_seen_subcommand_from serve master backup fault stop unit-started unit-stopping hand-over unit-stopped INSTANCE help" -f -a "hand-over" -d 'keepalived is being stopped (`ExecStop`): if the machine goes down, the active of a pair hands over first'
complete -c ap-notify -n "__fish_ap_notify_using_subcommand help; and not __fish_seen_subcommand_from serve master backup fault stop unit-started unit-stopping hand-over unit-stopped INSTANCE help" -f -a "unit-stopped" -d 'A unit has ended (`ExecStopPost`); reads `$SERVICE_RESULT`'
complete -c ap-notify -n "__fish_ap_notify_using_subcommand help; and not __fish_seen_subcommand_from serve master backup fault stop unit-started unit-stopping hand-over unit-stopped INSTANCE help" -f -a "INSTANCE" -d 'keepalived\'s own form: INSTANCE NAME STATE PRIORITY'
complete -c ap-notify -n "__fish_ap_notify_using_subcommand help; and not __fish_seen_subcommand_from serve master backup fault stop unit-started unit-stopping hand-over unit-stopped INSTANCE help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
