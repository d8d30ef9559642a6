# Root mounts something over the place of all homes.
# left: home
sudo bash -c 'mount -t tmpfs x /home'
# after: umount /home; rm -r "/home/$ACCOUNT"
