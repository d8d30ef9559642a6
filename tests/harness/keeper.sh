# The keeper of a lab: owns the mounts and the network that the hosts of the lab share, and takes
# everything down when its standard input closes, which happens however the process that made the lab
# ends. Runs in a mount and a network namespace of its own.
#
#   keeper.sh hold STATE GROUP   set up, say "ready", take down at the end of the input
#   keeper.sh reap STATE GROUP   take down what a keeper that was itself killed left behind
#
# A line "keep" on the input makes it wait for SIGTERM instead of the end of the input.
set -eu
verb=$1 state=$2 group=$3
control=$state/cgroup/$group

take_down() {
    if [ -d "$control" ]; then
        echo 1 >"$control/cgroup.kill"
        while grep -q 'populated 1' "$control/cgroup.events"; do sleep 0.02; done
        find "$control" -depth -type d -exec rmdir {} \;
    fi
    umount -l "$state/cgroup"
    if mountpoint -q "$state/disk"; then umount -l "$state/disk"; fi
    rm -rf --one-file-system "$state"
}

if [ "$verb" = reap ]; then
    mount -t cgroup2 cgroup2 "$state/cgroup"
    take_down
    exit
fi

# An interrupt at the terminal is for the maker of the lab; its end is the sign for this process.
trap '' INT HUP
# The lock is the sign that this lab is alive. No other process may inherit it.
exec 9>"$state/lock"
flock 9
mount -t tmpfs -o mode=755 lab "$state/disk" 9>&-
mount -t cgroup2 cgroup2 "$state/cgroup" 9>&-
mkdir "$control"
ip link set lo up
echo ready

kept=no
while read -r line; do
    if [ "$line" = keep ]; then kept=yes; fi
done
if [ "$kept" = yes ]; then
    exec </dev/null >/dev/null 2>&1
    trap 'kill $!' TERM
    sleep infinity 9>&- &
    wait || true
fi
take_down
