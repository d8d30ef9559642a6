# Root removes sudo's log.
# left: sudo
sudo bash -c 'rm /var/lib/portreeve/sudo/*'
