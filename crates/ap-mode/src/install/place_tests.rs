//! The life of a file that install looks after.

use super::*;

fn places(name: &str) -> Places {
    let root = std::env::temp_dir().join(format!("ap-mode-place-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&root);
    Places::new(&root, Path::new("/var/lib/ap"))
}

fn wanted(text: &str) -> Vec<Rendered> {
    vec![Rendered { path: "/etc/a/b.conf".into(), text: text.into() }]
}

/// Surveys, applies when allowed, and gives the kinds.
fn install(places: &Places, wanted: &[Rendered], force: bool) -> Vec<Kind> {
    let changes = places.survey(wanted).unwrap();
    if force || changes.iter().all(|change| !change.kind.is_refused()) {
        changes.iter().for_each(|change| places.apply(change).unwrap());
    }
    changes.iter().map(|change| change.kind).collect()
}

#[test]
fn the_life_of_a_file() {
    let places = places("life");
    let real = places.real(Path::new("/etc/a/b.conf"));
    let content = || std::fs::read_to_string(&real).ok();
    assert_eq!(install(&places, &wanted("1\n"), false), [Kind::Create]);
    assert_eq!(install(&places, &wanted("1\n"), false), [Kind::Same]);
    assert_eq!(install(&places, &wanted("2\n"), false), [Kind::Update]);
    std::fs::write(&real, "edited\n").unwrap();
    assert_eq!(install(&places, &wanted("3\n"), false), [Kind::Edited]);
    assert_eq!(content().as_deref(), Some("edited\n"), "refused: nothing changed");
    assert_eq!(install(&places, &wanted("3\n"), true), [Kind::Edited]);
    let kept = places.real(Path::new("/var/lib/ap/replaced/etc/a/b.conf"));
    assert_eq!(std::fs::read_to_string(kept).unwrap(), "edited\n");
    assert_eq!(install(&places, &wanted("3\n"), false), [Kind::Same]);
    // Written, but killed before the copy was.
    std::fs::write(&real, "4\n").unwrap();
    assert_eq!(install(&places, &wanted("4\n"), false), [Kind::Known]);
    assert_eq!(install(&places, &[], false), [Kind::Remove]);
    assert_eq!(content(), None);
    assert_eq!(install(&places, &[], false), []);
    std::fs::write(&real, "somebody else's\n").unwrap();
    assert_eq!(install(&places, &wanted("5\n"), false), [Kind::Foreign]);
    std::fs::remove_dir_all(places.real(Path::new("/"))).unwrap();
}
