# Root moves the home to where nobody looks.
# left: home
touch ~/file
sudo bash -c 'mv /home/$SUDO_USER /srv/mine'
# after: rm -r /srv/mine
