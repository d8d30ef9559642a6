# Somebody else's file lies in a directory of the account's.
# left: holds something that belongs to somebody else
mkdir -m 777 /tmp/shared && mkdir -m 777 /tmp/shared/theirs && touch /tmp/shared/mine
sudo -u bob bash -c 'echo precious >/tmp/shared/theirs/file'
# after: [ "$(cat /tmp/shared/theirs/file)" = precious ] && rm -r /tmp/shared
