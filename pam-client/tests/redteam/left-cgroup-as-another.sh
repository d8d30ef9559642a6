# Root leaves the control group and becomes somebody else.
sudo bash -c 'echo $$ >/sys/fs/cgroup/cgroup.procs
    setsid setpriv --reuid 65534 --regid 65534 --clear-groups sleep 7700 >/dev/null 2>&1 </dev/null &'
