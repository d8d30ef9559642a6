# Root hides a process in a group below the session's.
# alone
sudo bash -c 'g=/sys/fs/cgroup/portreeve/$SUDO_USER/inner; mkdir $g && echo $$ >$g/cgroup.procs
    setsid sleep 7700 >/dev/null 2>&1 </dev/null &'
