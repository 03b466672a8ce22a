#!/bin/sh
# Starts this node later or elsewhere than the start unit would:
#   at now + 3 minutes -f /usr/lib/ap/start-ap.sh
#   @reboot root /usr/lib/ap/start-ap.sh cron
# ap-notify refuses unless the node is in mode s. Settings come from the
# environment, because at runs this file as text, without arguments: AP_CONFIG,
# AP_PROGRAMS, AP_WHO (at or cron), AP_NIC_TIMEOUT, AP_DELAY (seconds).
set -eu
programs=${AP_PROGRAMS:-/usr/bin}
config=${AP_CONFIG:-/etc/ap/ap.toml}
who=${1:-${AP_WHO:-at}}

# Neither at nor cron keeps what a program says where an operator would look.
# systemd-cat becomes the program, so its exit code is the program's.
run() {
  if [ -S /run/systemd/journal/stdout ] && command -v systemd-cat >/dev/null; then
    systemd-cat -t "start-ap-$who" -- "$@"
  else
    "$@"
  fi
}

run "$programs/ap-track-nic" --config "$config" --wait "${AP_NIC_TIMEOUT:-60s}"
sleep "${AP_DELAY:-0}"
run "$programs/ap-mode" --config "$config" start --who "$who"
