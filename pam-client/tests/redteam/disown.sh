# The shell forgets a job.
sleep 7700 >/dev/null 2>&1 </dev/null &
disown -a
