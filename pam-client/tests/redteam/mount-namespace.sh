# Files lie on a file system that nobody else sees.
# needs: unshare -Urm true
setsid unshare -Urm sh -c 'mount -t tmpfs x /tmp && touch /tmp/hidden && exec sleep 7700' >/dev/null 2>&1 </dev/null &
sleep 0.2
