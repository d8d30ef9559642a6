# A process is held by its tracer.
# needs: perl -e 'exit !(`uname -m` =~ /x86_64/)'
setsid perl -e '
    my $child = fork;
    if (!$child) { syscall 101, 0, 0, 0, 0; kill STOP => $$; sleep 7700 }
    waitpid $child, 2;
    sleep 7700' >/dev/null 2>&1 </dev/null &
sleep 0.3
grep -q 'TracerPid:.[1-9]' /proc/[0-9]*/status 2>/dev/null
