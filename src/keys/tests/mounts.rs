//! Directories and Secret mounts: generations, traps, sizes and modes.

use std::os::unix::fs::symlink;

use super::*;

/// What kubelet makes of a Secret.
fn mount(root: &Path, generation: &str, keys: &[(&str, &str)]) {
    fs::create_dir(root.join(generation)).unwrap();
    for (name, secret) in keys {
        write(&root.join(generation).join(name), secret);
        let link = root.join(name);
        if link.symlink_metadata().is_err() {
            symlink(Path::new("..data").join(name), link).unwrap();
        }
    }
    symlink(generation, root.join("..data_tmp")).unwrap();
    fs::rename(root.join("..data_tmp"), root.join("..data")).unwrap();
}

#[test]
fn a_secret_mount_is_read_from_one_generation() {
    let directory = tempfile::tempdir().unwrap();
    let source = Source::Directory(directory.path().to_owned());
    mount(directory.path(), "..2026_11_22_1", &[("a", "one"), ("b", "two")]);
    assert_eq!(ids(&load("ring", &source).unwrap()), ["a", "b"]);
    mount(directory.path(), "..2026_11_22_2", &[("b", "three"), ("c", "four")]);
    let ring = load("ring", &source).unwrap();
    assert_eq!(ids(&ring), ["b", "c"], "the dangling link to `a` is of another generation");
    assert_eq!(secrets(&ring), [b"three".to_vec(), b"four".to_vec()]);
}

#[test]
fn a_ring_is_never_mixed_of_two_generations_while_the_mount_is_swapped() {
    let directory = tempfile::tempdir().unwrap();
    let source = Source::Directory(directory.path().to_owned());
    let generation = |number: usize| {
        let secret = format!("{LONG}{number}");
        mount(directory.path(), &format!("..{number}"), &[("a", &secret), ("b", &secret)]);
    };
    generation(0);
    std::thread::scope(|scope| {
        let swapping = scope.spawn(|| {
            for number in 1..300 {
                generation(number);
                fs::remove_dir_all(directory.path().join(format!("..{}", number - 1))).unwrap();
            }
        });
        while !swapping.is_finished() {
            match load("ring", &source) {
                Ok(ring) => assert_eq!(secrets(&ring)[0], secrets(&ring)[1]),
                Err(problems) => assert!(problems[0].message.contains("changes faster"), "{problems:?}"),
            }
        }
    });
    assert_eq!(
        secrets(&load("ring", &source).unwrap()),
        [format!("{LONG}299"), format!("{LONG}299")].map(String::into_bytes)
    );
}

#[test]
fn a_ring_inside_a_mount_is_a_directory_of_its_own() {
    let directory = tempfile::tempdir().unwrap();
    let source = Source::Directory(directory.path().join("shopify"));
    symlink("..data/shopify", directory.path().join("shopify")).unwrap();
    for (generation, secret) in [("..1", "one"), ("..2", "two")] {
        fs::create_dir_all(directory.path().join(generation).join("shopify")).unwrap();
        write(&directory.path().join(generation).join("shopify/k"), secret);
        symlink(generation, directory.path().join("..data_tmp")).unwrap();
        fs::rename(directory.path().join("..data_tmp"), directory.path().join("..data")).unwrap();
        assert_eq!(secrets(&load("ring", &source).unwrap()), [secret.as_bytes()]);
    }
}

#[test]
fn a_missing_generation_is_a_problem_and_not_an_empty_ring() {
    for target in ["..gone", "..data"] {
        let directory = tempfile::tempdir().unwrap();
        symlink(target, directory.path().join("..data")).unwrap();
        write(&directory.path().join("left-over"), LONG);
        assert!(load("ring", &Source::Directory(directory.path().to_owned())).is_err(), "{target}");
    }
}

#[test]
fn whatever_is_not_a_regular_readable_file_is_a_problem_that_does_not_block() {
    for (name, trap, message) in traps() {
        let directory = tempfile::tempdir().unwrap();
        write(&directory.path().join("good"), LONG);
        trap(&directory.path().join(name));
        let problems = refused(load("ring", &Source::Directory(directory.path().to_owned())));
        assert!(problems.contains(message), "{name}: {problems}");
        assert!(load("ring", &Source::File(directory.path().join(name))).is_err(), "{name} as a key file");
    }
}

type Trap = (&'static str, fn(&Path), &'static str);

fn traps() -> Vec<Trap> {
    vec![
        ("directory", |path| fs::create_dir(path).unwrap(), "a directory, not a regular file"),
        ("fifo", |path| fifo(path), "a FIFO, not a regular file"),
        ("device", |path| symlink("/dev/zero", path).unwrap(), "a device, not a regular file"),
        ("loop", |path| symlink(path.file_name().unwrap(), path).unwrap(), "cannot be read"),
        ("dangling", |path| symlink("nowhere", path).unwrap(), "does not exist"),
        ("large", |path| fs::File::create(path).unwrap().set_len(64 << 20).unwrap(), "larger than"),
        ("over", |path| write(path, vec![b'x'; (64 << 10) + 1]), "larger than"),
        ("empty", |path| write(path, ""), "empty secret"),
        ("newline", |path| write(path, "\n"), "empty secret"),
        ("mark", |path| write(path, format!("\u{feff}{LONG}")), "byte order mark"),
        ("two words", |path| write(path, LONG), "not a key id"),
    ]
}

fn fifo(path: &Path) {
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
}

#[test]
fn the_largest_secret_is_64_kib_to_the_byte() {
    let directory = tempfile::tempdir().unwrap();
    write(&directory.path().join("k"), vec![b'x'; 64 << 10]);
    assert!(load("ring", &Source::Directory(directory.path().to_owned())).is_ok());
}

#[test]
fn a_key_id_ends_at_128_characters() {
    for (length, ok) in [(128, true), (129, false)] {
        let id = "k".repeat(length);
        assert_eq!(file(&format!("version: 1\nkeys: [{{id: {id}, secret: x}}]")).is_ok(), ok, "{length}");
    }
}

#[test]
fn an_unreadable_file_is_a_problem() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("k");
    write(&path, LONG);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o0)).unwrap();
    let result = load("ring", &Source::Directory(directory.path().to_owned()));
    // Root reads everything: then the file is as good as any other.
    if fs::File::open(&path).is_ok() {
        assert_eq!(ids(&result.unwrap()), ["k"]);
    } else {
        assert!(refused(result).contains("cannot be read"));
    }
}

#[test]
fn files_that_everybody_may_read_are_warned_about_once_per_ring() {
    let directory = tempfile::tempdir().unwrap();
    for (name, mode) in [("a", 0o644), ("b", 0o604), ("c", 0o640)] {
        write(&directory.path().join(name), format!("{LONG}{name}"));
        fs::set_permissions(directory.path().join(name), fs::Permissions::from_mode(mode)).unwrap();
    }
    let ring = load("ring", &Source::Directory(directory.path().to_owned())).unwrap();
    let [warning] = ring.warnings.as_slice() else { panic!("{:?}", ring.warnings) };
    assert!(warning.message.contains("0644") && warning.message.contains("1 more"), "{}", warning.message);
    assert_eq!(&*warning.file, directory.path().join("a"));
}
