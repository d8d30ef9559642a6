# A throw-away copy of this machine with its own processes, network, mounts and control groups: as
# process 1 of it, runs the rest of the command line and ends with it.
#
#   box.sh GROUP COMMAND...    GROUP: a control group of ours that this process is in
set -eu
shift

mount --make-rprivate /
mount -t tmpfs -o mode=755 box /mnt
mkdir /mnt/upper /mnt/work /mnt/root
mount -t overlay -o "lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work,index=off" box /mnt/root
cd /mnt/root
mount -t proc -o nosuid,nodev,noexec proc proc
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 run run
mkdir -m 755 run/lock run/sshd run/user
touch run/utmp
mount -t tmpfs -o mode=1777 tmp tmp
mount --rbind /dev dev
mount -t tmpfs -o mode=1777 shm dev/shm
mount -t devpts -o newinstance,mode=620,gid=5,ptmxmode=666 devpts dev/pts
# Where the test program and the program under test are.
mkdir -p ".$BOX_BUILD"
mount --bind "$BOX_BUILD" ".$BOX_BUILD"
pivot_root . mnt
umount -l /mnt
cd /
hostname prod-1
ip link set lo up

rm -f /etc/ssh/ssh_host_* /etc/ssh/sshd_config.d/*
printf '%s\n' 'Include /etc/ssh/sshd_config.d/*.conf' 'UsePAM yes' 'KbdInteractiveAuthentication no' \
    'Subsystem sftp /usr/lib/openssh/sftp-server' >/etc/ssh/sshd_config
find /etc/sudoers.d -mindepth 1 -delete
printf '%s\n' 'Defaults env_reset' 'root ALL=(ALL:ALL) ALL' '@includedir /etc/sudoers.d' >/etc/sudoers
chmod 440 /etc/sudoers
: >/var/log/lastlog
install -D -m 755 "$BOX_PROGRAM" /usr/lib/portreeve/portreeve-host

# Not replaced by the command: this shell reaps what sessions leave to process 1.
status=0
"$@" || status=$?
exit "$status"
