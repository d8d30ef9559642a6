# Root mounts what belongs to the host into the home.
mkdir ~/etc ~/names
sudo bash -c 'h=/home/$SUDO_USER; mount --bind /etc $h/etc && mount --bind / $h/names && touch $h/file && mount --bind /etc/hosts $h/file'
[ -e ~/etc/passwd ]
