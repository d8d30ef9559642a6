# Names are not text, look like options, and forge lines.
perl -e '
    for my $place ($ENV{HOME}, "/tmp") {
        for my $name ("\xff\xfe", "-rf", "a\nb", "\e[2Jred", " ", "*", "\x7f", "x" x 255, ".portreeve-0", "\\") {
            mkdir "$place/$name" or die "$!"; open my $file, ">", "$place/$name/$name" or die "$!" } }'
touch -- '/tmp/--help' ~/--help
