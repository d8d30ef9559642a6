# Root makes groups in groups, deeper than anybody looks.
# alone
sudo bash -c 'g=/sys/fs/cgroup/portreeve/$SUDO_USER; for i in {1..100}; do g=$g/d; mkdir $g || exit; done
    echo $$ >$g/cgroup.procs; setsid sleep 7700 >/dev/null 2>&1 </dev/null &'
