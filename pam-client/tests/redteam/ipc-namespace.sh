# IPC objects lie in a namespace of their own.
# needs: unshare -Uri true
setsid unshare -Uri sh -c 'ipcmk -M 4096 -Q -S 1 && exec sleep 7700' >/dev/null 2>&1 </dev/null &
sleep 0.2
