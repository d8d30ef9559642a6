# A process has another user's UID.
sudo -u nobody bash -c 'setsid sleep 7700 >/dev/null 2>&1 </dev/null &'
