# A process is root in a user namespace of its own.
# needs: unshare -Ur true
setsid unshare -Ur sleep 7700 >/dev/null 2>&1 </dev/null &
sleep 0.2
