# A login with a terminal is written down where `who` reads it.
# terminal
tty >/dev/null && setsid sleep 7700 >/dev/null 2>&1 </dev/null &
