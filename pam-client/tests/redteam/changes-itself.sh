# The account gives itself a password, a shell and another name.
for change in 'chsh -s /bin/sh' 'chfn -r 4711' passwd; do
    if $change </dev/null >/dev/null 2>&1; then exit 1; fi
done
