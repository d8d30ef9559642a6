# Something listens in places that last, and in one that is no file.
mkfifo /tmp/fifo ~/fifo
perl -MSocket -e '
    for my $name ("/tmp/socket", "$ENV{HOME}/socket", "\0mine") {
        socket my $s, AF_UNIX, SOCK_STREAM, 0 or die; bind $s, pack_sockaddr_un($name) or die; listen $s, 1; push @s, $s }
    if (!fork) { setpgrp; close $_ for *STDIN, *STDOUT, *STDERR; sleep 7700 }'
[ -S /tmp/socket ] && grep -q @mine /proc/net/unix
