# A process leaves its memory on the disk.
ulimit -c unlimited; cd /tmp; sleep 7700 >/dev/null 2>&1 </dev/null & kill -SEGV $!; wait $! || true
cd ~; sleep 7700 >/dev/null 2>&1 </dev/null & kill -SEGV $!; wait $! || true
