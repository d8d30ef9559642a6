# A process is adopted by process 1.
(setsid sh -c 'sleep 7700 & exec sleep 7701' >/dev/null 2>&1 </dev/null &)
