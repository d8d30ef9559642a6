# A process outlives the hang-up.
nohup sleep 7700 >/dev/null 2>&1 </dev/null &
