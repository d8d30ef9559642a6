# Root freezes a group with a process in it.
# alone
sudo bash -c 'g=/sys/fs/cgroup/portreeve/$SUDO_USER/ice; mkdir $g; setsid sleep 7700 >/dev/null 2>&1 </dev/null &
    echo $! >$g/cgroup.procs; echo 1 >$g/cgroup.freeze'
