# A path is longer than the kernel takes.
perl -e '
    for my $place ($ENV{HOME}, "/tmp") { chdir $place or die;
        for (1 .. 10_000) { mkdir "deep" or die; chdir "deep" or die } open my $file, ">", "end" or die }'
