# A process is the first of a process namespace.
# needs: unshare -Urpf true
setsid unshare -Urpf --kill-child=CONT sh -c 'sleep 7700 & trap "" TERM; sleep 7701' >/dev/null 2>&1 </dev/null &
sleep 0.2
