# Root mounts over the home, twice, and below it.
# alone
mkdir ~/a
sudo bash -c 'h=/home/$SUDO_USER; mount -t tmpfs x $h/a && touch $h/a/x && mount -t tmpfs y $h/a && mount -t tmpfs z $h && touch $h/z'
