# A process leaves the login's session.
setsid sleep 7700 >/dev/null 2>&1 </dev/null &
