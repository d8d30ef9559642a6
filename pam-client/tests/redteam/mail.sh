# Mail waits.
sudo bash -c 'mkdir -p /var/mail && echo hello >/var/mail/$SUDO_USER && chown $SUDO_UID /var/mail/$SUDO_USER'
