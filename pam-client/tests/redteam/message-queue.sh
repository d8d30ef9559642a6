# A POSIX message queue, where no file system shows it.
# needs: perl -e 'exit !(`uname -m` =~ /x86_64/)'
perl -e 'my $name = "mine"; syscall(240, $name, 0102, 0600, 0) >= 0 or die "$!"'
