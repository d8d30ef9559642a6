# Makes a fresh host out of a copy of the machine: a distribution's configuration of sshd and sudo and
# nothing that was added to it. Runs once, inside the host.
set -eu

rm -f /etc/ssh/ssh_host_* /etc/ssh/ssh_known_hosts /etc/ssh/sshd_config.d/* /etc/ssh/ssh_config.d/*
mkdir -p /etc/ssh/sshd_config.d
cat >/etc/ssh/sshd_config <<'END'
Include /etc/ssh/sshd_config.d/*.conf
KbdInteractiveAuthentication no
UsePAM yes
PrintMotd no
AcceptEnv LANG LC_*
Subsystem sftp /usr/lib/openssh/sftp-server
END

find /etc/sudoers.d -mindepth 1 -delete
cat >/etc/sudoers <<'END'
Defaults env_reset
Defaults mail_badpass
Defaults secure_path="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
Defaults use_pty
root ALL=(ALL:ALL) ALL
%sudo ALL=(ALL:ALL) ALL
@includedir /etc/sudoers.d
END
chmod 440 /etc/sudoers
