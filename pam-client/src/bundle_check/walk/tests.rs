use std::collections::BTreeMap;

use super::*;

/// A file system of a few lines.
#[derive(Default)]
pub(crate) struct Painted(BTreeMap<PathBuf, (Seen, PathBuf)>);

impl Painted {
    /// A root directory and `/usr/bin/ss`, all as a distribution has them.
    fn usual() -> Self {
        Self::default()
            .with("/", Kind::Directory, 0, 0o755)
            .with("/usr", Kind::Directory, 0, 0o755)
            .with("/usr/bin", Kind::Directory, 0, 0o755)
            .with("/usr/bin/ss", Kind::File, 0, 0o755)
    }

    fn with(mut self, path: &str, kind: Kind, owner: u32, mode: u32) -> Self {
        let seen = Seen {
            kind,
            owner,
            mode,
            acl: None,
            mark: Mark::default(),
        };
        self.0.insert(path.into(), (seen, PathBuf::new()));
        self
    }

    fn link(self, path: &str, target: &str) -> Self {
        let mut linked = self.with(path, Kind::Link, 0, 0o777);
        linked.0.get_mut(Path::new(path)).unwrap().1 = target.into();
        linked
    }
}

impl Eyes for Painted {
    fn look(&self, path: &Path) -> io::Result<Seen> {
        let (seen, _) = self.0.get(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(seen.clone())
    }

    fn target(&self, link: &Path) -> io::Result<PathBuf> {
        let (_, target) = self.0.get(link).ok_or(io::ErrorKind::NotFound)?;
        Ok(target.clone())
    }
}

/// The gaps in short, `path: who`, and the real path of the end.
fn found(eyes: &Painted, path: &str) -> (Vec<String>, Option<String>) {
    let way = walk(Path::new(path), eyes);
    let gaps = way.gaps.iter().map(|gap| match &gap.what {
        What::WrittenBy(who) => format!("{}: {who}", gap.path.display()),
        What::OwnedBy(owner) => format!("{}: owner {owner}", gap.path.display()),
    });
    let end = match way.end {
        End::There(path, _) => Some(path.display().to_string()),
        End::Missing | End::NotSeen(..) => None,
    };
    (gaps.collect(), end)
}

#[test]
fn what_only_root_can_change_has_no_gap() {
    let (gaps, end) = found(&Painted::usual(), "/usr/bin/ss");
    assert!(gaps.is_empty(), "{gaps:?}");
    assert_eq!(end.as_deref(), Some("/usr/bin/ss"));
}

#[test]
fn whoever_else_may_change_something_on_the_way_is_told() {
    use Kind::{Directory, File};
    for (path, kind, owner, mode, expected) in [
        ("/usr/bin/ss", File, 0, 0o757, "/usr/bin/ss: everybody"),
        ("/usr/bin/ss", File, 0, 0o775, "/usr/bin/ss: its group"),
        ("/usr/bin/ss", File, 1000, 0o755, "/usr/bin/ss: owner 1000"),
        ("/usr/bin", Directory, 0, 0o777, "/usr/bin: everybody"),
        ("/usr/bin", Directory, 7, 0o1755, "/usr/bin: owner 7"),
        ("/usr", Directory, 0, 0o775, "/usr: its group"),
        ("/", Directory, 0, 0o777, "/: everybody"),
    ] {
        let eyes = Painted::usual().with(path, kind, owner, mode);
        assert_eq!(found(&eyes, "/usr/bin/ss").0, [expected]);
    }
}

#[test]
fn a_sticky_directory_holds_what_root_owns_and_nothing_else() {
    let tmp = |owner| {
        Painted::usual()
            .with("/tmp", Kind::Directory, 0, 0o1777)
            .with("/tmp/tool", Kind::File, owner, 0o755)
    };
    assert!(found(&tmp(0), "/tmp/tool").0.is_empty());
    assert_eq!(
        found(&tmp(1000), "/tmp/tool").0,
        ["/tmp: everybody", "/tmp/tool: owner 1000"]
    );
    // What is not there yet is made by whoever comes first.
    assert_eq!(found(&tmp(0), "/tmp/other").0, ["/tmp: everybody"]);
}

#[test]
fn every_hop_of_a_link_is_judged() {
    let eyes = Painted::usual()
        .link("/bin", "usr/bin")
        .link("/usr/bin/tool", "/opt/shop/../shop/tool")
        .with("/opt", Kind::Directory, 0, 0o755)
        .with("/opt/shop", Kind::Directory, 0, 0o775)
        .with("/opt/shop/tool", Kind::File, 0, 0o755);
    let (gaps, end) = found(&eyes, "/bin/tool");
    assert_eq!(gaps, ["/opt/shop: its group"]);
    assert_eq!(end.as_deref(), Some("/opt/shop/tool"));
    assert_eq!(
        found(&eyes, "/bin/ss").1.as_deref(),
        Some("/usr/bin/ss"),
        "a relative link starts where it lies"
    );
}

#[test]
fn a_circle_of_links_ends() {
    let eyes = Painted::usual().link("/a", "/b").link("/b", "/a");
    let way = walk(Path::new("/a"), &eyes);
    assert!(matches!(way.end, End::NotSeen(_, why) if why.contains("links")));
}

#[test]
fn what_is_missing_is_missing_and_a_file_is_no_directory() {
    let eyes = Painted::usual();
    for path in ["/usr/bin/nothing", "/nowhere/ss", "/usr/bin/ss/more"] {
        assert_eq!(walk(Path::new(path), &eyes).end, End::Missing, "{path}");
    }
}

#[test]
fn a_list_says_who_writes_and_the_mode_beside_it_does_not() {
    let mut eyes = Painted::usual().with("/usr/bin/ss", Kind::File, 0, 0o775);
    // user::rwx user:1000:rw- group::r-x mask::rwx other::r-x
    let mut bytes = vec![2, 0, 0, 0];
    for (tag, permissions, id) in [
        (1_u16, 7_u16, u32::MAX),
        (2, 6, 1000),
        (4, 5, u32::MAX),
        (16, 7, u32::MAX),
        (32, 5, u32::MAX),
    ] {
        bytes.extend(tag.to_le_bytes());
        bytes.extend(permissions.to_le_bytes());
        bytes.extend(id.to_le_bytes());
    }
    let at = eyes.0.get_mut(Path::new("/usr/bin/ss")).unwrap();
    at.0.acl = Acl::read(&bytes);
    assert_eq!(found(&eyes, "/usr/bin/ss").0, ["/usr/bin/ss: user 1000"]);
}
