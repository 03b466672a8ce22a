# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_ap_mode_global_optspecs
    string join \n config= h/help V/version
end

function __fish_ap_mode_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_ap_mode_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_ap_mode_using_subcommand
    set -l cmd (__fish_ap_mode_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c ap-mode -n "__fish_ap_mode_needs_command" -l config -d 'The configuration [default: $AP_CONFIG, else /etc/ap/ap.toml]' -r -F
complete -c ap-mode -n "__fish_ap_mode_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ap-mode -n "__fish_ap_mode_needs_command" -s V -l version -d 'Print version'
complete -c ap-mode -n "__fish_ap_mode_needs_command" -f -a "status" -d 'Shows both nodes, from either'
complete -c ap-mode -n "__fish_ap_mode_needs_command" -f -a "check" -d 'Looks for whatever would spoil the next failure'
complete -c ap-mode -n "__fish_ap_mode_needs_command" -f -a "show" -d 'Says what this node is'
complete -c ap-mode -n "__fish_ap_mode_needs_command" -f -a "set" -d 'Sets the mode of this node'
complete -c ap-mode -n "__fish_ap_mode_needs_command" -f -a "start" -d 'Starts this node as what it is: database, API, keepalived, in that order'
complete -c ap-mode -n "__fish_ap_mode_needs_command" -f -a "stop" -d 'Stops this node in good order; its mode stays, an active hands over first'
complete -c ap-mode -n "__fish_ap_mode_needs_command" -f -a "restart" -d 'Stops this node and starts it again'
complete -c ap-mode -n "__fish_ap_mode_needs_command" -f -a "switchover" -d 'Swaps the roles of a protected pair; to be run on the active'
complete -c ap-mode -n "__fish_ap_mode_needs_command" -f -a "history" -d 'Shows what happened on this node, the latest at the end'
complete -c ap-mode -n "__fish_ap_mode_needs_command" -f -a "install" -d 'Writes everything this host needs, from the configuration'
complete -c ap-mode -n "__fish_ap_mode_needs_command" -f -a "uninstall" -d 'Takes back what ap-mode install wrote'
complete -c ap-mode -n "__fish_ap_mode_needs_command" -f -a "metrics" -d 'Prints what this node is as Prometheus text'
complete -c ap-mode -n "__fish_ap_mode_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c ap-mode -n "__fish_ap_mode_using_subcommand status" -l watch -d 'Look again and again, every second or every TIME; ends with Ctrl-C' -r
complete -c ap-mode -n "__fish_ap_mode_using_subcommand status" -l config -d 'The configuration [default: $AP_CONFIG, else /etc/ap/ap.toml]' -r -F
complete -c ap-mode -n "__fish_ap_mode_using_subcommand status" -l json -d 'Print one line of JSON'
complete -c ap-mode -n "__fish_ap_mode_using_subcommand status" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ap-mode -n "__fish_ap_mode_using_subcommand check" -l config -d 'The configuration [default: $AP_CONFIG, else /etc/ap/ap.toml]' -r -F
complete -c ap-mode -n "__fish_ap_mode_using_subcommand check" -l json -d 'Print one line of JSON'
complete -c ap-mode -n "__fish_ap_mode_using_subcommand check" -l list -d 'Print the table of all codes instead, as Markdown'
complete -c ap-mode -n "__fish_ap_mode_using_subcommand check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ap-mode -n "__fish_ap_mode_using_subcommand show" -l config -d 'The configuration [default: $AP_CONFIG, else /etc/ap/ap.toml]' -r -F
complete -c ap-mode -n "__fish_ap_mode_using_subcommand show" -l json -d 'Print one line of JSON: the answer the peer would get'
complete -c ap-mode -n "__fish_ap_mode_using_subcommand show" -s h -l help -d 'Print help'
complete -c ap-mode -n "__fish_ap_mode_using_subcommand set" -l role -d 'In a pair never set up: active on the host that has the data, standby on the other' -r
complete -c ap-mode -n "__fish_ap_mode_using_subcommand set" -l why -d 'Why, for the record' -r
complete -c ap-mode -n "__fish_ap_mode_using_subcommand set" -l who -d 'Who asks, when no operator does: boot, at, cron, shutdown' -r
complete -c ap-mode -n "__fish_ap_mode_using_subcommand set" -l timeout -d 'Longest wait for a sign of progress [default: 120s, longer for a slow database]' -r
complete -c ap-mode -n "__fish_ap_mode_using_subcommand set" -l config -d 'The configuration [default: $AP_CONFIG, else /etc/ap/ap.toml]' -r -F
complete -c ap-mode -n "__fish_ap_mode_using_subcommand set" -l reseed -d 'Copy the peer\'s data over this node\'s first: as a dump, or from a backup of the peer prepared by mariadb-backup, if one lies in /var/lib/mysql.backup'
complete -c ap-mode -n "__fish_ap_mode_using_subcommand set" -l force -d 'Override a refusal that protects data'
complete -c ap-mode -n "__fish_ap_mode_using_subcommand set" -l dry-run -d 'Print the steps, exact SQL and unit calls included, and do nothing'
complete -c ap-mode -n "__fish_ap_mode_using_subcommand set" -l json -d 'Print the outcome as one line of JSON'
complete -c ap-mode -n "__fish_ap_mode_using_subcommand set" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ap-mode -n "__fish_ap_mode_using_subcommand start" -l why -d 'Why, for the record' -r
complete -c ap-mode -n "__fish_ap_mode_using_subcommand start" -l who -d 'Who asks, when no operator does: boot, at, cron, shutdown' -r
complete -c ap-mode -n "__fish_ap_mode_using_subcommand start" -l timeout -d 'Longest wait for a sign of progress [default: 120s, longer for a slow database]' -r
complete -c ap-mode -n "__fish_ap_mode_using_subcommand start" -l config -d 'The configuration [default: $AP_CONFIG, else /etc/ap/ap.toml]' -r -F
complete -c ap-mode -n "__fish_ap_mode_using_subcommand start" -l force -d 'Override a refusal that protects data'
complete -c ap-mode -n "__fish_ap_mode_using_subcommand start" -l dry-run -d 'Print the steps, exact SQL and unit calls included, and do nothing'
complete -c ap-mode -n "__fish_ap_mode_using_subcommand start" -l json -d 'Print the outcome as one line of JSON'
complete -c ap-mode -n "__fish_ap_mode_using_subcommand start" -s h -l help -d 'Print help'
complete -c ap-mode -n "__fish_ap_mode_using_subcommand stop" -l why -d 'Why, for the record' -r
complete -c ap-mode -n "__fish_ap_mode_using_subcommand stop" -l who -d 'Who asks, when no operator does: boot, at, cron, shutdown' -r
complete -c ap-mode -n "__fish_ap_mode_using_subcommand stop" -l timeout -d 'Longest wait for a sign of progress [default: 120s, longer for a slow database]' -r
complete -c ap-mode -n "__fish_ap_mode_using_subcommand stop" -l config -d 'The configuration [default: $AP_CONFIG, else /etc/ap/ap.toml]' -r -F
complete -c ap-mode -n "__fish_ap_mode_using_subcommand stop" -l force -d 'Override a refusal that protects data'
complete -c ap-mode -n "__fish_ap_mode_using_subcommand stop" -l dry-run -d 'Print the steps, exact SQL and unit calls included, and do nothing'
complete -c ap-mode -n "__fish_ap_mode_using_subcommand stop" -l json -d 'Print the outcome as one line of JSON'
complete -c ap-mode -n "__fish_ap_mode_using_subcommand stop" -s h -l help -d 'Print help'
complete -c ap-mode -n "__fish_ap_mode_using_subcommand restart" -l why -d 'Why, for the record' -r
complete -c ap-mode -n "__fish_ap_mode_using_subcommand restart" -l who -d 'Who asks, when no operator does: boot, at, cron, shutdown' -r
complete -c ap-mode -n "__fish_ap_mode_using_subcommand restart" -l timeout -d 'Longest wait for a sign of progress [default: 120s, longer for a slow database]' -r
complete -c ap-mode -n "__fish_ap_mode_using_subcommand restart" -l config -d 'The configuration [default: $AP_CONFIG, else /etc/ap/ap.toml]' -r -F
complete -c ap-mode -n "__fish_ap_mode_using_subcommand restart" -l force -d 'Override a refusal that protects data'
complete -c ap-mode -n "__fish_ap_mode_using_subcommand restart" -l dry-run -d 'Print the steps, exact SQL and unit calls included, and do nothing'
complete -c ap-mode -n "__fish_ap_mode_using_subcommand restart" -l json -d 'Print the outcome as one line of JSON'
complete -c ap-mode -n "__fish_ap_mode_using_subcommand restart" -s h -l help -d 'Print help'
complete -c ap-mode -n "__fish_ap_mode_using_subcommand switchover" -l why -d 'Why, for the record' -r
complete -c ap-mode -n "__fish_ap_mode_using_subcommand switchover" -l who -d 'Who asks, when no operator does: boot, at, cron, shutdown' -r
complete -c ap-mode -n "__fish_ap_mode_using_subcommand switchover" -l timeout -d 'Longest wait for a sign of progress [default: 120s, longer for a slow database]' -r
complete -c ap-mode -n "__fish_ap_mode_using_subcommand switchover" -l config -d 'The configuration [default: $AP_CONFIG, else /etc/ap/ap.toml]' -r -F
complete -c ap-mode -n "__fish_ap_mode_using_subcommand switchover" -l force -d 'Override a refusal that protects data'
complete -c ap-mode -n "__fish_ap_mode_using_subcommand switchover" -l dry-run -d 'Print the steps, exact SQL and unit calls included, and do nothing'
complete -c ap-mode -n "__fish_ap_mode_using_subcommand switchover" -l json -d 'Print the outcome as one line of JSON'
complete -c ap-mode -n "__fish_ap_mode_using_subcommand switchover" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ap-mode -n "__fish_ap_mode_using_subcommand history" -s n -l lines -d 'How many; 0 for all that are kept' -r
complete -c ap-mode -n "__fish_ap_mode_using_subcommand history" -l config -d 'The configuration [default: $AP_CONFIG, else /etc/ap/ap.toml]' -r -F
complete -c ap-mode -n "__fish_ap_mode_using_subcommand history" -l brief -d 'One line for each event'
complete -c ap-mode -n "__fish_ap_mode_using_subcommand history" -l all -d 'The moments as well at which something was only heard; with --json always'
complete -c ap-mode -n "__fish_ap_mode_using_subcommand history" -l json -d 'One line of JSON for each: at, boot-ms, cause, who, evidence, outcome (done, failed, refused, nothing, alert, heard), text, steps (step, ms, error)'
complete -c ap-mode -n "__fish_ap_mode_using_subcommand history" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ap-mode -n "__fish_ap_mode_using_subcommand install" -l root -d 'Write below DIR instead, into an image, and touch nothing else' -r -F
complete -c ap-mode -n "__fish_ap_mode_using_subcommand install" -l host -d 'The host of the configuration that is meant, when it is not this machine; with --root or --dry-run' -r
complete -c ap-mode -n "__fish_ap_mode_using_subcommand install" -l config -d 'The configuration [default: $AP_CONFIG, else /etc/ap/ap.toml]' -r -F
complete -c ap-mode -n "__fish_ap_mode_using_subcommand install" -l dry-run -d 'Show the diff and change nothing'
complete -c ap-mode -n "__fish_ap_mode_using_subcommand install" -l force -d 'Overwrite what somebody else wrote or edited; it is kept under STATE/replaced'
complete -c ap-mode -n "__fish_ap_mode_using_subcommand install" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ap-mode -n "__fish_ap_mode_using_subcommand uninstall" -l config -d 'The configuration [default: $AP_CONFIG, else /etc/ap/ap.toml]' -r -F
complete -c ap-mode -n "__fish_ap_mode_using_subcommand uninstall" -l dry-run -d 'Say what would be done and do nothing'
complete -c ap-mode -n "__fish_ap_mode_using_subcommand uninstall" -l force -d 'Also while the node is at work. The services run on and nobody looks after them: no failover any more'
complete -c ap-mode -n "__fish_ap_mode_using_subcommand uninstall" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ap-mode -n "__fish_ap_mode_using_subcommand metrics" -l output -d 'Write to FILE instead, atomically; its directory must exist' -r -F
complete -c ap-mode -n "__fish_ap_mode_using_subcommand metrics" -l config -d 'The configuration [default: $AP_CONFIG, else /etc/ap/ap.toml]' -r -F
complete -c ap-mode -n "__fish_ap_mode_using_subcommand metrics" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ap-mode -n "__fish_ap_mode_using_subcommand help; and not __fish_seen_subcommand_from status check show set start stop restart switchover history install uninstall metrics help" -f -a "status" -d 'Shows both nodes, from either'
complete -c ap-mode -n "__fish_ap_mode_using_subcommand help; and not __fish_seen_subcommand_from status check show set start stop restart switchover history install uninstall metrics help" -f -a "check" -d 'Looks for whatever would spoil the next failure'
complete -c ap-mode -n "__fish_ap_mode_using_subcommand help; and not __fish_seen_subcommand_from status check show set start stop restart switchover history install uninstall metrics help" -f -a "show" -d 'Says what this node is'
complete -c ap-mode -n "__fish_ap_mode_using_subcommand help; and not __fish_seen_subcommand_from status check show set start stop restart switchover history install uninstall metrics help" -f -a "set" -d 'Sets the mode of this node'
complete -c ap-mode -n "__fish_ap_mode_using_subcommand help; and not __fish_seen_subcommand_from status check show set start stop restart switchover history install uninstall metrics help" -f -a "start" -d 'Starts this node as what it is: database, API, keepalived, in that order'
complete -c ap-mode -n "__fish_ap_mode_using_subcommand help; and not __fish_seen_subcommand_from status check show set start stop restart switchover history install uninstall metrics help" -f -a "stop" -d 'Stops this node in good order; its mode stays, an active hands over first'
complete -c ap-mode -n "__fish_ap_mode_using_subcommand help; and not __fish_seen_subcommand_from status check show set start stop restart switchover history install uninstall metrics help" -f -a "restart" -d 'Stops this node and starts it again'
complete -c ap-mode -n "__fish_ap_mode_using_subcommand help; and not __fish_seen_subcommand_from status check show set start stop restart switchover history install uninstall metrics help" -f -a "switchover" -d 'Swaps the roles of a protected pair; to be run on the active'
complete -c ap-mode -n "__fish_ap_mode_using_subcommand help; and not __fish_seen_subcommand_from status check show set start stop restart switchover history install uninstall metrics help" -f -a "history" -d 'Shows what happened on this node, the latest at the end'
complete -c ap-mode -n "__fish_ap_mode_using_subcommand help; and not __fish_seen_subcommand_from status check show set start stop restart switchover history install uninstall metrics help" -f -a "install" -d 'Writes everything this host needs, from the configuration'
complete -c ap-mode -n "__fish_ap_mode_using_subcommand help; and not __fish_seen_subcommand_from status check show set start stop restart switchover history install uninstall metrics help" -f -a "uninstall" -d 'Takes back what ap-mode install wrote'
complete -c ap-mode -n "__fish_ap_mode_using_subcommand help; and not __fish_seen_subcommand_from status check show set start stop restart switchover history install uninstall metrics help" -f -a "metrics" -d 'Prints what this node is as Prometheus text'
complete -c ap-mode -n "__fish_ap_mode_using_subcommand help; and not __fish_seen_subcommand_from status check show set start stop restart switchover history install uninstall metrics help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
