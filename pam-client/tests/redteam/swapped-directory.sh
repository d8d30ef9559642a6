# Somebody else swaps directories for links while they are removed.
# accomplice: perl -e 'mkdir "/home/bob/keep"; open my $f, ">", "/home/bob/keep/precious"; my $n = 0; while (1) { for (1 .. 300) { my $d = "/tmp/shared/d$_"; if (rename "$d/x", "$d/y") { symlink "/home/bob/keep", "$d/x" } if (rename $d, "/tmp/shared/e$_") { symlink "/etc", $d } } }'
# may-leave: belongs to somebody else
# may-leave: more files in `/tmp`
mkdir -m 777 /tmp/shared
for i in {1..300}; do mkdir -m 777 /tmp/shared/d$i /tmp/shared/d$i/x; touch /tmp/shared/d$i/x/file; done
# after: rm -rf /tmp/shared; test -e /home/bob/keep/precious && rm -r /home/bob/keep
