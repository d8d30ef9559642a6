# Root renames the account, which `usermod` would not do while it is in use.
# left: `mallory`
sudo bash -c 'sed -i "s/^$SUDO_USER:/mallory:/" /etc/passwd'
# after: sed -i /^mallory:/d /etc/passwd; sed -i "/^$ACCOUNT:/d" /etc/shadow /etc/group /etc/gshadow
