# The first thread is gone and the others live on, outside of the control group.
# needs: command -v cc
cat >~/t.c <<'END'
#include <pthread.h>
#include <unistd.h>
static void *rest(void *x) { for (;;) pause(); return x; }
int main(void) { pthread_t t; pthread_create(&t, 0, rest, 0); pthread_exit(0); }
END
cc -pthread -o ~/dead-leader ~/t.c
setsid ~/dead-leader >/dev/null 2>&1 </dev/null &
sleep 0.3
sudo bash -c "echo $! >/sys/fs/cgroup/cgroup.procs"
grep -q '^State:.Z' /proc/$!/status
