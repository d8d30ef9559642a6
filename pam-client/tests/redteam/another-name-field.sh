# Root changes the field by which the account is known.
# left: is not the one that was made any more
sudo bash -c 'usermod -c mallory $SUDO_USER'
# after: userdel -f "$ACCOUNT"
