# Root mounts over a directory of the account's elsewhere.
mkdir /tmp/mounted && touch /tmp/mounted/below
sudo bash -c 'mount -t tmpfs x /tmp/mounted && touch /tmp/mounted/x && chown $SUDO_UID /tmp/mounted /tmp/mounted/x'
