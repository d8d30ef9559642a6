# Root makes the sudo rules immutable.
# alone
# needs: touch /etc/flags && chattr +i /etc/flags && chattr -i /etc/flags && rm /etc/flags
sudo bash -c 'chattr +i /etc/sudoers.d/portreeve-$SUDO_USER'
