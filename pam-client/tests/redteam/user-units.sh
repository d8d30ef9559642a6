# A service of the account's own service manager, which lingers.
mkdir -p ~/.config/systemd/user/default.target.wants
printf '[Service]\nExecStart=/bin/sleep 7700\n' >~/.config/systemd/user/mine.service
ln -s ../mine.service ~/.config/systemd/user/default.target.wants/
sudo bash -c 'touch /var/lib/systemd/linger/$SUDO_USER'
