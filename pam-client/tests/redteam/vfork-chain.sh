# Parents that wait for a child of vfork cannot be interrupted.
# needs: command -v cc
cat >~/v.c <<'END'
#include <unistd.h>
int main(void) { for (int i = 0; i < 5; i++) if (vfork()) pause(); pause(); }
END
cc -o ~/v ~/v.c
setsid ~/v >/dev/null 2>&1 </dev/null &
sleep 0.2
grep -q '^State:.D' /proc/[0-9]*/status 2>/dev/null
