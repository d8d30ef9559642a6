//! Programs that are dangerous whatever their arguments.
//!
//! Facts, as data. Names are without version numbers; `python3.11` and `vim.tiny` are found under
//! `python` and `vim`.

use crate::code::Code;

/// When a danger counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    /// In every bundle.
    Always,
    /// In a bundle that says it only reads.
    ReadOnly,
}

/// Programs of one kind, why they are dangerous, and what to do instead.
pub(super) struct Kind {
    pub(super) code: Code,
    pub(super) when: When,
    /// Separated by spaces.
    pub(super) names: &'static str,
    pub(super) why: &'static str,
    pub(super) help: &'static str,
}

/// Every kind.
pub(super) const KINDS: &[Kind] = &[
    Kind {
        code: Code::Shell,
        when: When::Always,
        names: "sh bash rbash dash ash zsh ksh mksh pdksh fish csh tcsh busybox toybox",
        why: "is a shell",
        help: "name the commands that are needed, one by one",
    },
    Kind {
        code: Code::Interpreter,
        when: When::Always,
        names: "python perl ruby irb lua luajit node nodejs deno bun php tclsh wish expect awk gawk mawk \
                nawk java jshell jrunscript jjs groovy scala guile julia octave R Rscript pwsh elixir \
                erl ghc ghci sqlite3 psql mysql mariadb mongo mongosh redis-cli bc dc gnuplot ipython \
                pry rake gem bundle composer ansible ansible-playbook puppet",
        why: "is an interpreter",
        help: "put the fixed script into a file of its own that root owns, and allow that file",
    },
    Kind {
        code: Code::EditorOrPager,
        when: When::Always,
        names: "vi vim nvim gvim rvim view rview vimdiff ex ed red nano rnano pico emacs emacsclient joe \
                jed micro mcedit mc mg ne kak hx sensible-editor editor select-editor less lesspipe more \
                most pg pager sensible-pager man info w3m lynx elinks nnn ranger sed sudoedit vipw vigr \
                visudo top htop mutt mail mailx",
        why: "runs commands, and opens and writes other files, from within",
        help: "allow a program that prints and ends, as `journalctl --no-pager` or `ps`",
    },
    Kind {
        code: Code::RunsPrograms,
        when: When::Always,
        names: "env nice ionice nohup setsid timeout time watch xargs parallel chroot unshare nsenter \
                setpriv capsh setarch stdbuf script screen tmux flock taskset chrt choom prlimit \
                cpulimit start-stop-daemon systemd-run run-parts run-mailcap make cmake gcc cc g++ c99 \
                cpan git hg svn ssh scp sftp rsync ssh-keygen ssh-agent sshpass zip cpio dosbox \
                logrotate logsave at batch docker podman nerdctl ctr crictl runc kubectl lxc virsh \
                qemu-system-x86_64 modprobe insmod kmod ldconfig openvpn multitime byebug wall dmsetup \
                debugfs mdadm exim4 sendmail pkexec busctl dbus-send gdbus aa-exec pexec softlimit chpst \
                distcc ansible-test",
        why: "runs whatever program it is told to, or loads code into the kernel",
        help: "allow the program that it would run, by itself",
    },
    Kind {
        code: Code::BecomesUser,
        when: When::Always,
        names: "sudo su runuser doas login newgrp sg machinectl chsh passwd chpasswd chage",
        why: "hands out another user's rights, or decides who has them",
        help: "set `run_as` instead",
    },
    Kind {
        code: Code::InstallsCode,
        when: When::Always,
        names: "apt apt-get aptitude dnf yum microdnf zypper pacman apk snap flatpak pip pipx uv npm npx \
                yarn pnpm cargo go easy_install update-alternatives alien dpkg-reconfigure",
        why: "runs scripts of packages as root",
        help: "let configuration management install; to look at packages allow `dpkg -l` or `rpm -qa`",
    },
    Kind {
        code: Code::Traces,
        when: When::Always,
        names: "gdb gdbserver gcore lldb strace ltrace perf bpftrace bpftool crash trace-cmd stap rr \
                pstack",
        why: "reads and writes the memory of other processes",
        help: "look at `/proc/<pid>/exe`, `ss` and `lsof`; dump memory outside of a bundle, with a human beside it",
    },
    Kind {
        code: Code::Writes,
        when: When::ReadOnly,
        names: "tee dd cp mv ln rm rmdir mkdir install truncate shred touch chmod chown chgrp chattr \
                setfacl setfattr mkfs mkswap fdisk parted wipefs umount losetup useradd userdel usermod \
                groupadd groupdel groupmod adduser deluser split csplit patch sponge unzip gzip gunzip \
                bzip2 xz zstd 7z ar mknod mkfifo fallocate sync swapon swapoff blkdiscard",
        why: "writes",
        help: "leave it out, or say `intent = \"write\"`",
    },
    Kind {
        code: Code::Network,
        when: When::ReadOnly,
        names: "nc ncat netcat socat curl wget aria2c telnet ftp tftp lftp nmap ping traceroute dig \
                nslookup host whois openssl gnutls-cli finger rlogin rsh smbclient ldapsearch",
        why: "opens network connections",
        help: "leave it out; let the agent connect from where it runs",
    },
    Kind {
        code: Code::ChangesState,
        when: When::ReadOnly,
        names: "kill killall pkill skill reboot shutdown halt poweroff init telinit service invoke-rc.d \
                rc-service iptables ip6tables nft ufw firewall-cmd ifconfig route rmmod hwclock \
                timedatectl hostnamectl localectl loginctl update-rc.d chkconfig auditctl setenforce \
                renice kexec",
        why: "signals, stops, starts or configures something",
        help: "leave it out, or say `intent = \"write\"`",
    },
];

/// Programs that print the files they are given, of which some hold secrets.
pub(super) const READERS: &str = "cat tac head tail nl cut grep egrep fgrep zgrep rg strings xxd hexdump od base64 base32 \
    sort uniq wc diff cmp comm join paste fold fmt column jq yq file zcat bzcat xzcat rev tr \
    look iconv pr expand sum getfacl gpg";

/// The kind of a program, by its file name.
pub(super) fn kind_of(file_name: &str) -> impl Iterator<Item = &'static Kind> {
    KINDS
        .iter()
        .filter(move |kind| is_one_of(file_name, kind.names))
}

/// Whether a file name is one of `names`, which spaces separate.
pub(super) fn is_one_of(file_name: &str, names: &str) -> bool {
    names
        .split_whitespace()
        .any(|name| is_called(file_name, name))
}

/// Whether a file name is `name`, or `name` with a version or a variant behind it.
pub(super) fn is_called(file_name: &str, name: &str) -> bool {
    let without_version =
        file_name.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '.' | '-'));
    let without_variant = file_name.split('.').next().unwrap_or(file_name);
    [file_name, without_version, without_variant].contains(&name)
}
