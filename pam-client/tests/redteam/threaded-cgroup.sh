# Root makes the session's group one that the kernel neither lists nor kills.
# alone
sudo bash -c 'g=/sys/fs/cgroup/portreeve/$SUDO_USER; away=/sys/fs/cgroup/away; mkdir $away
    for p in $(cat $g/cgroup.procs); do echo $p >$away/cgroup.procs; done
    echo threaded >$g/cgroup.type || exit
    setsid sleep 7700 >/dev/null 2>&1 </dev/null &
    echo $! >/sys/fs/cgroup/portreeve/cgroup.procs; echo $! >$g/cgroup.threads
    for p in $(cat $away/cgroup.procs); do echo $p >/sys/fs/cgroup/cgroup.procs; done; rmdir $away
    ! cat $g/cgroup.procs 2>/dev/null'
