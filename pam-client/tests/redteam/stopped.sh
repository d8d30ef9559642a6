# A process is stopped, and would go on later.
setsid sleep 7700 >/dev/null 2>&1 </dev/null &
# Not before it has let go of the login's output.
sleep 0.3
kill -STOP $!
