# A process ignores every signal that can be ignored.
setsid bash -c 'trap "" HUP INT QUIT TERM USR1 USR2 PIPE ALRM; while :; do sleep 1; done' >/dev/null 2>&1 </dev/null &
