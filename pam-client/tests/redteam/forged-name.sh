# A process looks like the kernel's.
setsid bash -c 'exec -a "[kworker/0:1]" sleep 7700' >/dev/null 2>&1 </dev/null &
