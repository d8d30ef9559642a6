use super::*;

#[test]
fn questions_find_what_they_name_in_exact_arguments() {
    for (sought, yes, no) in [
        (Sought::Something, &["a", " "][..], &[""][..]),
        (Sought::Nothing, &[""], &["a", " "]),
        (Sought::Part("aab"), &["aaab", "xaaby"], &["aaaa", "ab"]),
        (
            Sought::PartsInOrder("/proc/", "/mem"),
            &["-l /proc/1/mem", "/proc/self/mem"],
            &[
                "/proc/1/ /mem",
                "/mem/proc/1",
                "/proc/1/exe",
                "/srv/proc/1/mem",
            ],
        ),
        (
            Sought::Ending("/", ".key"),
            &["/a/b.key", "x /b.key.key y", "--in=/b.key"],
            &["b.key", "/a/b.keys", "/ .key"],
        ),
        (
            Sought::Ending("", ".key"),
            &["b.key", ".key x"],
            &["b.keyring"],
        ),
        (
            Sought::PathBegin("/etc/a"),
            &["x /etc/a y", "of=/etc/abc", "--o=x/y=/etc/a", "-f/etc/a"],
            &["/srv/etc/a", "/et", "./x/etc/a", "/e/etc/a"],
        ),
        (
            Sought::LastPathBegin("/etc/a"),
            &["x /etc/a", "/x --o=/etc/abc"],
            &["/etc/a x", "/etc/a /srv/etc/a", "/et"],
        ),
        (
            Sought::LastWord("ab"),
            &["ab", "x ab"],
            &["ab x", "xab", "abc", "a"],
        ),
        (
            Sought::RelativeLast,
            &["a", "-n 5 x.log", "5x", "./a"],
            &["", "/a", "-a", "a /b", "a 5", "--file=a"],
        ),
        (
            Sought::Word("-exec"),
            &["/ -exec id", "-exec", "-exec=x"],
            &["-execdir x", "x-exec", "exec"],
        ),
        (
            Sought::Prefix("-exec"),
            &["/ -execdir id", "-exec"],
            &["x-exec", "-exe"],
        ),
        (
            Sought::Cut("--to-c", "ommand"),
            &["--to-command=x", "a --to-c", "--to-comm x"],
            &["--to-", "--to-commands", "-to-c", "x--to-c"],
        ),
        (
            Sought::Short('K'),
            &["-K", "-tnK", "a -xKy"],
            &["--K", "K", "-t K", "a-K"],
        ),
        (
            Sought::Operand(0, "start"),
            &["start x", "--now start", "-q --x start"],
            &["status start", "starts x", "restart", "star"],
        ),
        (
            Sought::Operand(1, "set"),
            &["link set x", "-a link -b set", "l set"],
            &["set link", "set", "link sets", "link show set"],
        ),
        (
            Sought::AnyOperand(0),
            &["x", "-a x", "5x"],
            &["", "-a", "5", "-a 5"],
        ),
        (
            Sought::AnyOperand(1),
            &["x y", "x -a y"],
            &["x", "x 5", "x -y"],
        ),
        (
            Sought::SecondPath,
            &["/a b/c", "-f/x -g /y"],
            &["/a/b", "a /b c"],
        ),
        (Sought::FreeOption, &[], &["-a", "a -b"]),
        (Sought::FreeSpace, &[], &["a b"]),
    ] {
        for text in yes {
            assert!(holds(text, &sought), "{sought:?} is in `{text}`");
        }
        for text in no {
            assert!(!holds(text, &sought), "{sought:?} is not in `{text}`");
        }
    }
}
