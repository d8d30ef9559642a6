# Root takes every mark off a process: nothing tells it from the host's own any more.
# named: loginuid
sudo bash -c 'echo 0 >/proc/self/loginuid; echo $$ >/sys/fs/cgroup/cgroup.procs
    setsid env -i sleep 7700 >/dev/null 2>&1 </dev/null &'
# after: pkill -f 'sleep 770[0]'
