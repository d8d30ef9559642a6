# Root writes a rule for somebody else: what root did is named and not undone.
# named: sudoers.d/mallory
sudo bash -c 'echo "bob ALL=(ALL) ALL" >/etc/sudoers.d/mallory'
# after: rm /etc/sudoers.d/mallory
