//! What is noticed of changing files, and what is not.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;

struct Scene {
    root: tempfile::TempDir,
    watch: Watch,
}

impl Scene {
    /// A directory with the file `k`, both watched.
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("k"), "one").unwrap();
        let watch = Watch::new(vec![root.path().to_owned(), root.path().join("k")]);
        Self { root, watch }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn write(&self, name: &str, content: &str) {
        fs::write(self.path(name), content).unwrap();
    }

    fn looks<const N: usize>(&mut self) -> [bool; N] {
        std::array::from_fn(|_| self.watch.changed())
    }
}

fn touch(path: &Path, seconds: u64) {
    let file = fs::File::options().write(true).open(path).unwrap();
    let time = std::time::UNIX_EPOCH.checked_add(Duration::from_secs(seconds)).unwrap();
    file.set_modified(time).unwrap();
}

#[test]
fn nothing_new_is_no_change() {
    assert_eq!(Scene::new().looks(), [false; 3]);
}

#[test]
fn every_kind_of_change_is_reported_once_when_it_has_settled() {
    type Change = (&'static str, fn(&Scene));
    let changes: [Change; 9] = [
        ("written", |scene| scene.write("k", "two")),
        ("same length", |scene| scene.write("k", "eno")),
        ("emptied", |scene| scene.write("k", "")),
        ("deleted", |scene| fs::remove_file(scene.path("k")).unwrap()),
        ("added", |scene| scene.write("l", "new")),
        ("a nested ring", |scene| fs::create_dir(scene.path("ring")).unwrap()),
        ("renamed in", |scene| {
            scene.write(".tmp", "two");
            fs::rename(scene.path(".tmp"), scene.path("k")).unwrap();
        }),
        ("a directory instead", |scene| {
            fs::remove_file(scene.path("k")).unwrap();
            fs::create_dir(scene.path("k")).unwrap();
        }),
        ("a loop instead", |scene| {
            fs::remove_file(scene.path("k")).unwrap();
            symlink("k", scene.path("k")).unwrap();
        }),
    ];
    for (name, change) in changes {
        let mut scene = Scene::new();
        change(&scene);
        assert_eq!(scene.looks(), [false, true, false, false], "{name}");
    }
}

#[test]
fn a_touch_or_a_hidden_file_is_not_a_change() {
    let mut scene = Scene::new();
    for second in 1..20 {
        touch(&scene.path("k"), second);
        scene.write(".hidden", &second.to_string());
        assert!(!scene.watch.changed(), "{second}");
    }
    fs::set_permissions(scene.path("k"), fs::Permissions::from_mode(0o640)).unwrap();
    assert_eq!(scene.looks(), [false; 2]);
}

#[test]
fn a_slow_writer_is_waited_for() {
    let mut scene = Scene::new();
    for content in ["", "t", "tw"] {
        scene.write("k", content);
        assert!(!scene.watch.changed(), "{content}");
    }
    scene.write("k", "two");
    assert_eq!(scene.looks(), [false, true, false]);
}

#[test]
fn vanished_and_back_are_two_changes_unless_nobody_looked() {
    let mut scene = Scene::new();
    fs::remove_file(scene.path("k")).unwrap();
    assert_eq!(scene.looks(), [false, true]);
    scene.write("k", "one");
    assert_eq!(scene.looks(), [false, true, false]);
    fs::remove_file(scene.path("k")).unwrap();
    assert_eq!(scene.looks(), [false]);
    scene.write("k", "one");
    assert_eq!(scene.looks(), [false; 2], "it was never reported as gone");
}

fn swap(scene: &Scene, generation: &str, content: &str) {
    fs::create_dir(scene.path(generation)).unwrap();
    scene.write(&format!("{generation}/k"), content);
    symlink(generation, scene.path("..data_tmp")).unwrap();
    fs::rename(scene.path("..data_tmp"), scene.path("..data")).unwrap();
}

#[test]
fn a_swapped_mount_is_reported_at_once_and_only_when_its_content_differs() {
    let mut scene = Scene::new();
    fs::remove_file(scene.path("k")).unwrap();
    swap(&scene, "..1", "one");
    symlink("..data/k", scene.path("k")).unwrap();
    assert_eq!(scene.looks(), [false; 2], "a mount in place of the same plain file");
    swap(&scene, "..2", "two");
    assert_eq!(scene.looks(), [true, false]);
    swap(&scene, "..3", "two");
    assert_eq!(scene.looks(), [false; 2]);
    swap(&scene, "..4", "four");
    assert_eq!(scene.looks(), [true, false]);
}

#[test]
fn a_file_or_ring_inside_a_mount_is_reported_at_once() {
    let scene = Scene::new();
    swap(&scene, "..1", "one");
    symlink("..data/k", scene.path("tls.crt")).unwrap();
    for paths in [vec![scene.path("tls.crt")], vec![scene.path("..data")]] {
        let mut watch = Watch::new(paths);
        let generation = format!("..{}", fs::read_dir(scene.root.path()).unwrap().count());
        swap(&scene, &generation, &generation);
        assert!(watch.changed() && !watch.changed());
    }
}

#[test]
fn a_fifo_does_not_block_the_look() {
    let mut scene = Scene::new();
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(rustix::fs::CWD, scene.path("fifo"), rustix::fs::FileType::Fifo, mode, 0).unwrap();
    assert_eq!(scene.looks(), [false, true, false]);
}

#[test]
fn after_a_failed_load_a_touch_is_a_reason_to_try_again() {
    let mut scene = Scene::new();
    scene.watch.failed();
    assert_eq!(scene.looks(), [false; 2], "nothing moved: the cause is still there");
    touch(&scene.path("k"), 1);
    assert_eq!(scene.looks(), [false, true, false]);
    touch(&scene.path("k"), 2);
    assert_eq!(scene.looks(), [false; 2], "the second load was not said to have failed");
}

#[test]
fn what_was_touched_during_a_load_is_told_once_even_by_a_clock_that_is_ahead() {
    let mut scene = Scene::new();
    let (before, after) = (Moment::from_secs(0), Moment::from_secs(i64::MAX / 1000));
    assert!(!scene.watch.touched_since(after), "nothing changed after the load began");
    assert!(scene.watch.touched_since(before));
    assert!(!scene.watch.touched_since(before), "the load that this caused has read it");
    scene.write("k", "two");
    assert!(!scene.watch.changed());
    assert!(scene.watch.touched_since(before), "it was written once more");
    assert!(!scene.watch.touched_since(before));
}

#[test]
fn replacing_the_paths_loses_no_change_of_those_that_stay() {
    let mut scene = Scene::new();
    scene.write("k", "two");
    scene.write("l", "new");
    let elsewhere = tempfile::tempdir().unwrap();
    let paths = vec![scene.root.path().to_owned(), elsewhere.path().to_owned()];
    scene.watch.replace(paths.clone());
    assert_eq!(scene.looks(), [false, true, false]);
    fs::write(elsewhere.path().join("x"), "x").unwrap();
    assert_eq!(scene.looks(), [false, true, false]);
    scene.watch.replace(vec![scene.root.path().to_owned()]);
    fs::write(elsewhere.path().join("x"), "y").unwrap();
    assert_eq!(scene.looks(), [false; 2], "no longer watched");
}

#[test]
fn what_was_changing_while_it_was_loaded_is_loaded_once_more_even_if_it_changes_back() {
    type Change = (&'static str, fn(&Scene), fn(&Scene));
    let changes: [Change; 3] = [
        ("written", |scene| scene.write("k", "two"), |scene| scene.write("k", "one")),
        ("deleted", |scene| fs::remove_file(scene.path("k")).unwrap(), |scene| scene.write("k", "one")),
        ("added", |scene| scene.write("l", "new"), |scene| fs::remove_file(scene.path("l")).unwrap()),
    ];
    for (name, there, back) in changes {
        let mut scene = Scene::new();
        there(&scene);
        let paths = scene.watch.paths.clone();
        scene.watch.replace(paths);
        back(&scene);
        assert_eq!(scene.looks(), [false, true, false, false], "{name}");
    }
}
