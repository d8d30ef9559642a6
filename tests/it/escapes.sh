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
screen=/root/screen

as_ada() {
    setpriv --reuid=ada --regid=ada --init-groups env --ignore-environment --chdir=/home/ada \
        HOME=/home/ada USER=ada LOGNAME=ada SHELL=/bin/bash TERM=xterm LANG=C.UTF-8 \
        PATH=/usr/local/bin:/usr/bin:/bin timeout --kill-after=1 10 "$@"
}

# Programs on a terminal throw away what was typed before they were ready, which their first output shows.
type_when_ready() {
    input=$(cat && echo .)
    for _ in $(seq 100); do
        [ "$input" != . ] && [ ! -s $screen ] || break
        sleep 0.05
    done
    sleep 0.2
    printf %s "${input%.}"
    sleep 0.2
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
: >$screen.read
cp -p /root/was/* /etc
printf 'ada ALL=(root) %s\n' "$RULE" >/etc/sudoers.d/careless
chmod 440 /etc/sudoers.d/careless
visudo --check --quiet --file=/etc/sudoers.d/careless || exit 1
[ -z "$HOST" ] || bash -euc "$HOST" </dev/null || exit 1
[ -z "$PREPARE" ] || as_ada bash -euc "$PREPARE" </dev/null || exit 1

if [ "$TERMINAL" = true ]; then
    : >$screen
    type_when_ready | as_ada script -qec "$(printf '%q ' sudo -n "$@")" /dev/null >$screen 2>&1
else
    as_ada sudo -n "$@" >$screen 2>&1
fi
echo "sudo: ended with $?"
[ -z "$FILTER" ] || as_ada bash -c "$FILTER" <$screen >>$screen.read 2>&1
cat $screen $screen.read

if [ -n "$SHOWN" ]; then
    bash -euc "$SHOWN"
elif [ "$PROVES" = read ]; then
    grep -q -- "$secret" $screen $screen.read
else
    # What was started may go on after the program that started it.
    for _ in $(seq 40); do
        [ ! -e $proof ] && [ ! -L $proof ] || exit 0
        sleep 0.05
    done
    exit 1
fi
