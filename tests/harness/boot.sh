# Becomes the first process of a host. Runs in fresh mount, process, network, host name, IPC and
# control group namespaces, as process 1 of the host, with the keeper's mounts still in sight.
#
#   boot.sh NAME DISK BASE TREE...    BASE: the directory with the system that the host is made of
#                                     TREE: directories of the machine that the host sees read-only
#
# Says "ready PID", with the process id as the machine sees it, and then only reaps.
set -eu
name=$1 disk=$2 base=$3
shift 3

# The machine's /proc is still mounted, so this is the machine's number for this process.
read -r pid _ </proc/self/stat
hostname "$name"

mkdir -p "$disk/upper" "$disk/work" "$disk/root" "$disk/fresh"
mount -t overlay -o "lowerdir=$base,upperdir=$disk/upper,workdir=$disk/work,index=off" overlay "$disk/root"

# What people and services of the machine left there is no business of the host.
cd "$disk/fresh"
if ! [ -e installed ]; then
    mkdir -p root home srv mnt var/log var/tmp
    chmod 700 root
    chmod 1777 var/tmp
    cp -r /etc/skel/. root
    touch var/log/wtmp var/log/btmp var/log/lastlog installed
fi
cd "$disk/root"
for directory in root home srv mnt var/log var/tmp; do
    mount --bind "$disk/fresh/$directory" "$directory"
done
mount -t tmpfs -o nosuid,nodev,mode=755 run run
mkdir -m 755 run/lock run/sshd run/user
touch run/utmp
mount -t tmpfs -o nosuid,nodev,mode=1777 tmp tmp
# Last, because a tree may lie in a directory that was just made anew.
for tree; do
    mkdir -p ".$tree"
    mount --bind "$tree" ".$tree"
    mount -o remount,bind,ro ".$tree"
done

mount -t proc -o nosuid,nodev,noexec proc proc
echo 0 >proc/sys/net/ipv4/ip_forward
# Kernel settings outside the network belong to the machine.
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount -t sysfs -o ro,nosuid,nodev,noexec sysfs sys
mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 sys/fs/cgroup
find sys/fs/cgroup -mindepth 1 -depth -type d -exec rmdir {} \;

mount -t tmpfs -o nosuid,mode=755 dev dev
for node in 'null 1 3' 'zero 1 5' 'full 1 7' 'random 1 8' 'urandom 1 9' 'tty 5 0'; do
    # shellcheck disable=SC2086
    set -- $node
    mknod -m 666 "dev/$1" c "$2" "$3"
done
mkdir dev/pts dev/shm
mount -t devpts -o nosuid,noexec,newinstance,mode=620,gid=5,ptmxmode=666 devpts dev/pts
mount -t tmpfs -o nosuid,nodev,mode=1777 shm dev/shm
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
ln -s /proc/self/fd/0 dev/stdin
ln -s /proc/self/fd/1 dev/stdout
ln -s /proc/self/fd/2 dev/stderr

pivot_root . .
umount -l .
cd /
ip link set lo up
echo "ready $pid"
exec sh -c 'while :; do sleep 86400 & wait; done' init </dev/null >/dev/null 2>&1
