# A file system of the account's own in its home, as fusermount mounts it.
# needs: [ -e /dev/fuse ] && grep -qw fuse /proc/filesystems && perl -e 'exit !(`uname -m` =~ /x86_64/)'
mkdir ~/fuse
cat >~/mount <<'END'
perl -e '
    my ($at, $kind, $source) = (shift, "fuse", "mine");
    sysopen my $fuse, "/dev/fuse", 2 or die "$!";
    my $options = "fd=" . fileno($fuse) . ",rootmode=40000,user_id=$ENV{SUDO_UID},group_id=$ENV{SUDO_GID}";
    syscall(165, $source, $at, $kind, 6, $options) == 0 or die "$!";
    if (!fork) { setpgrp; close $_ for *STDIN, *STDOUT, *STDERR; sleep 7700 }' "$1"
END
sudo bash ~/mount ~/fuse
grep -q fuse.mine\\\|" fuse " /proc/self/mountinfo
