# A process hides its memory and adopts orphans.
# needs: perl -e 'exit !(`uname -m` =~ /x86_64/)'
setsid perl -e '
    syscall(157, 4, 0, 0, 0, 0) == 0 && syscall(157, 36, 1, 0, 0, 0) == 0 or die;
    if (!fork) { exit if fork; setpgrp; sleep 7700 }
    sleep 7700' >/dev/null 2>&1 </dev/null &
sleep 0.2
