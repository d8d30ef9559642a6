# Root makes a second account of the same number.
# left: `mallory`
sudo bash -c 'useradd -o -u $SUDO_UID -M mallory'
# after: userdel -f mallory
