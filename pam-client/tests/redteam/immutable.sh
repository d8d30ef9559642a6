# Root makes files that even root cannot remove.
# alone
# needs: touch /tmp/flags && chattr +i /tmp/flags && chattr -i /tmp/flags && rm /tmp/flags
mkdir -p ~/a/b /tmp/mine /tmp/other; touch ~/a/b/c /tmp/mine/file /tmp/file /tmp/other/file
sudo bash -c 'cd ~'"$USER"' && chattr +i a/b/c a/b && chattr +a a . /tmp/mine /tmp/file && chattr +i /tmp/mine/file /tmp/other'
