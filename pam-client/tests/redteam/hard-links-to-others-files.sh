# Root links what belongs to the host into the home.
sudo bash -c 'cp -a /etc/hosts /etc/hosts.mine 2>/dev/null; ln /etc/hosts.mine ~'"$USER"'/hosts && rm /etc/hosts.mine
    ln /etc/passwd /etc/shadow ~'"$USER"'/ 2>/dev/null'
[ "$(stat -c %h ~/passwd)" -gt 1 ]
