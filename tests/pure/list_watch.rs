//! What counts as a change of a list, and what does not.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::fd::AsRawFd;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use kit::Folder;
use netfilterd::daemon::list_watch::by_time::{Look, TimeWatch};
use netfilterd::daemon::list_watch::error::WatchError;
use netfilterd::daemon::list_watch::{Burst, Watch, WatchRequest};
use netfilterd::progress::Unseen;
use netfilterd::status::Watching;
use nix::errno::Errno;
use nix::unistd::truncate;

/// A folder with `list` in it, and a watch of a path in that folder.
struct Scene {
    folder: Folder,
    watch: Watch,
}

impl Scene {
    fn new(watched: &str, prepare: impl FnOnce(&Folder)) -> Self {
        let folder = Folder::new();
        folder.file("list", "192.0.2.1\n");
        prepare(&folder);
        let request = WatchRequest {
            paths: vec![folder.path().join(watched)],
            every: None,
            are_optional: false,
        };
        let watch = Watch::open(request, &Unseen);
        // What is missing may appear without an event, as with a file system that is mounted.
        let seconds = (!folder.path().join(watched).exists()).then_some(5);
        assert_eq!(watch.status(), Watching { events: true, seconds, because: None });
        assert_eq!(watch.deadline().is_some(), seconds.is_some());
        Scene { folder, watch }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Whether `action` is heard as a change, and once.
    fn hears(&mut self, action: impl FnOnce(&Folder)) -> bool {
        action(&self.folder);
        let changed = self.watch.changed(Instant::now());
        assert!(!self.watch.changed(Instant::now()), "heard twice");
        changed
    }
}

#[test]
fn a_list_has_changed_when_it_was_written_and_closed() {
    let mut scene = Scene::new("list", |_| {});
    assert!(!scene.hears(|_| {}));
    let list = scene.path("list");
    let mut open = OpenOptions::new().append(true).open(&list).unwrap();
    assert!(!scene.hears(|_| open.write_all(b"192.0.2.2\n").unwrap()), "still being written");
    assert!(scene.hears(|_| drop(open)));
    assert!(scene.hears(|_| fs::write(&list, "").unwrap()));
    assert!(!scene.hears(|_| drop(File::open(&list).unwrap())), "only read");
    assert!(!scene.hears(|folder| drop(folder.file("other", ""))), "another file");
}

#[test]
fn a_list_has_changed_when_something_was_put_in_its_place() {
    let mut scene = Scene::new("list", |_| {});
    let (list, new) = (scene.path("list"), scene.path("list.new"));
    for _ in 0..3 {
        assert!(!scene.hears(|_| fs::write(&new, "192.0.2.2\n").unwrap()));
        assert!(scene.hears(|_| fs::rename(&new, &list).unwrap()));
    }
    assert!(scene.hears(|_| fs::remove_file(&list).unwrap()), "a list that is gone");
    assert!(!scene.hears(|_| drop(File::create(&new).unwrap())));
    assert!(scene.hears(|_| fs::hard_link(&new, &list).unwrap()));
}

#[test]
fn a_list_has_changed_when_it_was_written_by_another_of_its_names() {
    // As a file that is mounted into a container: its folder receives nothing.
    let mut scene = Scene::new("list", |folder| {
        fs::create_dir(folder.path().join("elsewhere")).unwrap();
        fs::hard_link(folder.path().join("list"), folder.path().join("elsewhere/name")).unwrap();
    });
    let name = scene.path("elsewhere/name");
    for _ in 0..2 {
        assert!(scene.hears(|_| fs::write(&name, "192.0.2.2\n").unwrap()));
    }
    assert!(!scene.hears(|_| drop(File::open(&name).unwrap())), "only read");
    assert!(!scene.hears(|_| fs::remove_file(&name).unwrap()), "the list is still there");
}

#[test]
fn a_list_that_is_not_there_yet_is_heard_when_it_comes_and_so_is_its_folder() {
    let mut scene = Scene::new("a/b/list", |_| {});
    let list = scene.path("a/b/list");
    assert!(scene.hears(|_| fs::create_dir(list.parent().unwrap().parent().unwrap()).unwrap()));
    assert!(scene.hears(|_| fs::create_dir(list.parent().unwrap()).unwrap()));
    assert!(scene.hears(|_| fs::write(&list, "192.0.2.1\n").unwrap()));
    assert!(scene.hears(|folder| {
        fs::rename(folder.path().join("a"), folder.path().join("old")).unwrap();
    }));
    assert!(!scene.hears(|folder| fs::write(folder.path().join("old/b/list"), "x").unwrap()));
}

#[test]
fn in_a_folder_every_file_counts_but_hidden_ones() {
    let mut scene = Scene::new("lists", |folder| {
        fs::create_dir(folder.path().join("lists")).unwrap();
    });
    let (one, two) = (scene.path("lists/one"), scene.path("lists/two"));
    assert!(scene.hears(|_| fs::write(&one, "192.0.2.1\n").unwrap()), "a new one");
    assert!(scene.hears(|_| fs::rename(&one, &two).unwrap()));
    assert!(scene.hears(|_| fs::remove_file(&two).unwrap()));
    let hidden = scene.path("lists/.two.swp");
    assert!(!scene.hears(|_| fs::write(&hidden, "x").unwrap()));
    assert!(scene.hears(|_| fs::rename(&hidden, &two).unwrap()), "it is hidden no more");
    let mut open = File::create(&one).unwrap();
    assert!(!scene.hears(|_| open.write_all(b"192.0.2").unwrap()), "a new one, half written");
    assert!(scene.hears(|_| drop(open)));
}

#[test]
fn behind_symbolic_links_it_is_the_list_that_counts_and_the_links_too() {
    // As a store of configuration has it: list -> current/list, current -> version1.
    let mut scene = Scene::new("link", |folder| {
        for version in ["version1", "version2"] {
            fs::create_dir(folder.path().join(version)).unwrap();
            folder.file(&format!("{version}/list"), "192.0.2.1\n");
        }
        symlink("version1", folder.path().join("current")).unwrap();
        symlink("current/list", folder.path().join("link")).unwrap();
    });
    let switch = |folder: &Folder| {
        symlink("version2", folder.path().join("next")).unwrap();
        fs::rename(folder.path().join("next"), folder.path().join("current")).unwrap();
    };
    let write = |version: &str| {
        let file = format!("{version}/list");
        move |folder: &Folder| drop(folder.file(&file, "192.0.2.9\n"))
    };
    assert!(scene.hears(write("version1")));
    assert!(!scene.hears(write("version2")));
    assert!(scene.hears(switch));
    assert!(scene.hears(write("version2")));
    assert!(!scene.hears(write("version1")));
}

#[test]
fn a_link_in_a_watched_folder_leads_to_a_list_that_is_watched() {
    let mut scene = Scene::new("lists", |folder| {
        fs::create_dir(folder.path().join("lists")).unwrap();
        symlink(folder.path().join("list"), folder.path().join("lists/link")).unwrap();
    });
    assert!(scene.hears(|folder| drop(folder.file("list", "192.0.2.9\n"))));
}

#[test]
fn links_that_go_in_circles_are_no_trouble() {
    let mut scene = Scene::new("a", |folder| {
        symlink("b", folder.path().join("a")).unwrap();
        symlink("a", folder.path().join("b")).unwrap();
    });
    let (a, list) = (scene.path("a"), scene.path("list"));
    assert!(scene.hears(|_| fs::rename(&list, &a).unwrap()));
}

#[test]
fn what_is_written_to_files_matters_in_folders_of_lists_only() {
    /// IN_CLOSE_WRITE, in the mask of each watch.
    const CLOSE_WRITE: u32 = 8;
    let folder = Folder::new();
    folder.file("list", "192.0.2.1\n");
    fs::create_dir(folder.path().join("lists")).unwrap();
    // With how many watches are for writes: the list and its folder. Other folders are on the way only.
    for (path, of_lists) in [("list", 2), ("lists", 1), ("no/list", 0), ("/dev/null", 0)] {
        let request = WatchRequest {
            paths: vec![folder.path().join(path)],
            every: None,
            are_optional: false,
        };
        let watch = Watch::open(request, &Unseen);
        let number = watch.descriptor().unwrap().as_raw_fd();
        let info = fs::read_to_string(format!("/proc/self/fdinfo/{number}")).unwrap();
        let mask = |line: &str| {
            let mask = line.split_once(" mask:")?.1.split(' ').next()?;
            u32::from_str_radix(mask, 16).ok()
        };
        let masks: Vec<u32> = info.lines().filter_map(mask).collect();
        assert!(masks.len() > 1, "{info}");
        let with = masks.iter().filter(|&mask| mask & CLOSE_WRITE != 0).count();
        assert_eq!(with, of_lists, "{path}: {info}");
    }
}

#[test]
fn with_seconds_what_causes_no_event_is_seen_once_it_has_settled() {
    let folder = Folder::new();
    let list = folder.file("list", "192.0.2.1\n192.0.2.2\n");
    let request = WatchRequest {
        paths: vec![list.clone().into()],
        every: Some(Duration::from_secs(60)),
        are_optional: false,
    };
    let mut watch = Watch::open(request, &Unseen);
    assert_eq!(
        watch.status(),
        Watching { events: true, seconds: Some(60), because: None },
        "both ways"
    );
    let begin = Instant::now();
    let after = |seconds| begin + Duration::from_secs(seconds);
    truncate(list.as_str(), 10).unwrap();
    assert!(!watch.changed(after(1)), "no event");
    assert!(!watch.changed(after(61)), "it may still be written to");
    assert!(watch.deadline().unwrap() <= after(62));
    assert!(watch.changed(after(62)));
    assert!(!watch.changed(after(3600)), "once");
    // What an event has shown is not shown again by a look.
    fs::write(&list, "192.0.2.3\n").unwrap();
    assert!(watch.changed(after(3601)));
    assert!(!watch.changed(after(7200)));
}

#[test]
fn a_look_sees_each_change_and_waits_for_a_writer_but_not_for_ever() {
    let folder = Folder::new();
    let lists = folder.path().join("lists");
    fs::create_dir(&lists).unwrap();
    let (one, missing) = (lists.join("one"), folder.path().join("missing"));
    let paths = [lists.clone(), missing.clone(), PathBuf::from("/dev/null")];
    let mut looks = TimeWatch::new(&paths);
    let mut settled = |action: &dyn Fn()| {
        action();
        let first = looks.look(&paths);
        (first, looks.look(&paths))
    };
    const CHANGED: (Look, Look) = (Look::Unsettled, Look::Changed);
    const SAME: (Look, Look) = (Look::Same, Look::Same);
    assert_eq!(settled(&|| fs::write(&one, "192.0.2.1\n").unwrap()), CHANGED, "a new file");
    assert_eq!(settled(&|| fs::write(lists.join(".one"), "").unwrap()), SAME, "a hidden one");
    assert_eq!(settled(&|| fs::write("/dev/null", "x").unwrap()), SAME);
    assert_eq!(settled(&|| drop(File::open(&one).unwrap())), SAME, "only read");
    assert_eq!(settled(&|| symlink(&one, &missing).unwrap()), CHANGED);
    assert_eq!(settled(&|| fs::rename(&one, lists.join("two")).unwrap()), CHANGED);
    // One who writes all the time.
    let mut open = File::create(&one).unwrap();
    let mut unsettled = 0;
    loop {
        open.write_all(b"192.0.2.1\n").unwrap();
        match looks.look(&paths) {
            Look::Unsettled => unsettled += 1,
            look => break assert_eq!(look, Look::Changed),
        }
    }
    assert_eq!(unsettled, 10);
}

#[test]
fn each_limit_of_inotify_has_its_name_and_its_cure() {
    let folder = Path::new("/srv/lists");
    for (error, named) in [
        (WatchError::of_instance(Errno::EMFILE), "raise fs.inotify.max_user_instances"),
        (WatchError::of_folder(folder, Errno::ENOSPC), "raise fs.inotify.max_user_watches"),
        (WatchError::Descriptors, "raise the limit of open files"),
        (WatchError::of_folder(folder, Errno::EIO), "/srv/lists: I/O error"),
        (WatchError::of_instance(Errno::ENOMEM), "Out of memory"),
    ] {
        assert!(error.to_string().contains(named), "{error}");
    }
}

#[test]
fn changes_that_follow_each_other_are_one_and_those_that_never_pause_are_cut_off() {
    let begin = Instant::now();
    let after = |milliseconds: u64| begin + Duration::from_millis(milliseconds);
    let mut burst = Burst::default();
    assert_eq!(burst.wait(begin), None);
    assert!(!burst.is_over(begin));

    burst.change(begin);
    burst.change(after(80));
    assert_eq!(burst.wait(after(80)), Some(Duration::from_millis(100)));
    assert!(!burst.is_over(after(179)));
    assert!(burst.is_over(after(180)));
    assert!(!burst.is_over(after(180)), "once");

    for milliseconds in (1_000..2_000).step_by(50) {
        burst.change(after(milliseconds));
        assert!(!burst.is_over(after(milliseconds)));
    }
    assert!(burst.is_over(after(2_000)));
}
