# sudo remembers that it was asked.
sudo bash -c 'mkdir -p /run/sudo/ts /var/lib/sudo/lectured; touch /run/sudo/ts/$SUDO_USER /run/sudo/ts/$SUDO_UID /var/lib/sudo/lectured/$SUDO_USER'
sudo -v || true
