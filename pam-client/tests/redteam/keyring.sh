# A secret lies in the kernel.
# needs: [ -e /proc/key-users ] && perl -e 'exit !(`uname -m` =~ /x86_64/)'
perl -e '
    my ($type, $secret) = ("user", "secret");
    for my $ring (-4, -5) { my $name = "mine$ring"; syscall(248, $type, $name, $secret, 6, $ring) > 0 or die "$!" }'
grep -q "^ *$(id -u):" /proc/key-users
