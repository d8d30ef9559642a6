# So many files that a search might give up.
# alone
perl -e 'for (1 .. 20_000) { open my $file, ">", "/tmp/mine-$_" or die }'
