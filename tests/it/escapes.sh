# Runs one escape on a host: the account `ada`, one careless rule, what she does with it, and what came of it.
#
#   escapes.sh            makes the host ready, once; as root
#   escapes.sh ARGV...    tries a row; its other fields are in the environment: RULE, HOST, PREPARE,
#                         TERMINAL, FILTER, SHOWN, PROVES. Standard input is the row's
#
# Ends with 0 when the escape worked. Says everything that happened.
set -u
secret=only-root-may-read-this
proof=/root/proof

as_ada() {
    setpriv --reuid=ada --regid=ada --init-groups env --ignore-environment --chdir=/home/ada \
        HOME=/home/ada USER=ada LOGNAME=ada SHELL=/bin/bash TERM=xterm LANG=C.UTF-8 \
        PATH=/usr/local/bin:/usr/bin:/bin timeout --kill-after=1 10 "$@"
}

if [ $# = 0 ]; then
    set -e
    useradd --create-home --shell /bin/bash ada
    # Stands for the hash of root's password: what root alone may read.
    usermod --password "!$secret" root
    mkdir -m 700 /root/was
    cp -p /etc/passwd /etc/shadow /etc/group /etc/gshadow /root/was
    cd /home/ada
    printf '#!/bin/sh\nexec touch %s\n' $proof >run
    chmod 755 run
    cc -shared -fPIC -o load.so -x c - <<'END'
#include <fcntl.h>
__attribute__((constructor)) static void loaded(void) { creat("/root/proof", 0600); }
/* By this name some programs tell a library for smart cards, before they load it. */
int C_GetFunctionList(void) { return 1; }
END
    if as_ada cat /etc/shadow || as_ada touch $proof; then
        echo 'ada needs no escape'
        exit 1
    fi
    exit 0
fi

rm -rf $proof
cp -p /root/was/* /etc
printf 'ada ALL=(root) NOPASSWD: %s\n' "$RULE" >/etc/sudoers.d/careless
chmod 440 /etc/sudoers.d/careless
visudo --check --quiet --file=/etc/sudoers.d/careless || exit 1
bash -euc "$HOST" </dev/null || exit 1
as_ada bash -euc "$PREPARE" </dev/null || exit 1

if [ "$TERMINAL" = true ]; then
    # Programs on a terminal throw away what was typed before they were ready.
    said=$({ sleep 0.5; cat; sleep 0.3; } | as_ada script -qec "$(printf '%q ' sudo -n "$@")" /dev/null 2>&1)
else
    said=$(as_ada sudo -n "$@" 2>&1)
fi
echo "sudo: ended with $?"
read=$(printf '%s\n' "$said" | as_ada bash -c "$FILTER" 2>&1)
printf '%s\n' "$said" "$read"

if [ -n "$SHOWN" ]; then
    bash -euc "$SHOWN"
elif [ "$PROVES" = read ]; then
    case $read in *$secret*) ;; *) exit 1 ;; esac
else
    [ -e $proof ] || [ -L $proof ]
fi
