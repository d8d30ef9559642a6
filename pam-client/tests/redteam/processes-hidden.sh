# Root mounts something over /proc, and a process waits where only /proc shows it.
# left: /proc
sudo bash -c 'echo $$ >/sys/fs/cgroup/cgroup.procs; setsid sleep 7700 >/dev/null 2>&1 </dev/null & mount -t tmpfs x /proc'
# after: umount /proc; pkill -f 'sleep 770[0]'
