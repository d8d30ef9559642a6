# A home of two hundred thousand files.
perl -e '
    chdir; for my $d (1 .. 200) { mkdir $d or die; for (1 .. 1000) { open my $file, ">", "$d/$_" or die } }'
