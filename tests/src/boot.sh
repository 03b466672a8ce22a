#!/bin/sh
# Boots one node. Runs in the lab's network namespace and in a mount namespace
# of its own, so that the node's mounts vanish together with it.
set -eu
machine=$1 hostname=$2 nic=$3 port=$4 lower=$5 dir=$6 group=$7

mount -t overlay overlay \
  -o "lowerdir=$lower,upperdir=$dir/upper,workdir=$dir/work,index=off" "$dir/root"

# systemd in the node can kill units reliably only on cgroup v2.
if ! [ -f /sys/fs/cgroup/cgroup.procs ]; then
  umount -R -l /sys/fs/cgroup
  mount -t cgroup2 cgroup2 /sys/fs/cgroup
fi
echo $$ >"/sys/fs/cgroup/$group/cgroup.procs"

export SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1
exec systemd-nspawn --quiet --directory="$dir/root" --machine="$machine" \
  --hostname="$hostname" --boot --register=no --keep-unit --console=pipe \
  --settings=no --link-journal=no --resolv-conf=off --timezone=off \
  --capability=CAP_IPC_LOCK --network-veth-extra="$port:$nic"
