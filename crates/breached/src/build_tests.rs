use super::*;
use crate::filter::{Filter, FilterError};

/// A folder of one test; it goes with this value.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path =
            std::env::temp_dir().join(format!("usher-breached-{}-{name}", std::process::id()));
        let _left = std::fs::remove_dir_all(&path);
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }
    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        std::fs::write(self.0.join(name), content).unwrap();
        self.0.join(name)
    }
    fn plan(&self, inputs: Vec<PathBuf>, kind: Input) -> Plan {
        Plan {
            inputs,
            kind,
            output: self.0.join("set"),
            min_count: 0,
            now: Timestamp(1_700_000_000_000),
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.0);
    }
}

fn hex(digest: &[u8; 20]) -> String {
    digest.iter().map(|b| format!("{b:02X}")).collect()
}

#[test]
fn a_dump_is_found_again_and_nothing_else() {
    let folder = Folder::new("dump");
    let dump: String = (0..3000)
        .map(|i| {
            format!(
                "{}:{}\r\n",
                hex(&digest(&format!("password {i}"))),
                i % 7 + 1
            )
        })
        .collect();
    let input = folder.file("dump.txt", dump + "not a digest\n\nABC:1\n");
    let plan = folder.plan(vec![input], Input::Digests);
    let built = build(&plan).unwrap();
    assert_eq!((built.keys, built.skipped), (3000, 3));
    assert_eq!(built.bytes, std::fs::metadata(&plan.output).unwrap().len());
    let filter = Filter::open(&plan.output).unwrap();
    filter.verify().unwrap();
    assert_eq!((filter.keys(), filter.built_at()), (3000, plan.now));
    let found = |text: &str| filter.contains(&digest(text)).unwrap();
    assert!((0..3000).all(|i| found(&format!("password {i}"))));
    assert!(
        (0..20_000)
            .filter(|i| found(&format!("another {i}")))
            .count()
            < 6
    );
    let left: Vec<_> = std::fs::read_dir(&folder.0)
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    assert_eq!(left.len(), 2, "{left:?}");
}

#[test]
fn rare_digests_can_be_left_out() {
    let folder = Folder::new("rare");
    let lines = format!(
        "{}:9\n{}:10\n{}\n",
        hex(&digest("nine")),
        hex(&digest("ten")),
        hex(&digest("none"))
    );
    let mut plan = folder.plan(
        vec![folder.file("dump", lines.to_lowercase())],
        Input::Digests,
    );
    plan.min_count = 10;
    assert_eq!(build(&plan).unwrap().keys, 2);
    let filter = Filter::open(&plan.output).unwrap();
    let found = |text: &str| filter.contains(&digest(text)).unwrap();
    assert!(found("ten") && found("none") && !found("nine"));
}

#[test]
fn lists_of_passwords_are_taken_as_they_are_typed() {
    let folder = Folder::new("plain");
    let first = folder.file("first", "hunter2\n  two spaces \ncafe\u{301}\nhunter2\n");
    let mut second = format!("{}\nend without a line's end", "x".repeat(5000)).into_bytes();
    second.extend(b"\n\xff\xfe\n");
    let plan = folder.plan(vec![first, folder.file("second", second)], Input::Passwords);
    let built = build(&plan).unwrap();
    assert_eq!((built.keys, built.skipped), (4, 2));
    let filter = Filter::open(&plan.output).unwrap();
    for inside in [
        "hunter2",
        "  two spaces ",
        "caf\u{e9}",
        "end without a line's end",
    ] {
        assert!(filter.contains(&digest(inside)).unwrap(), "{inside}");
    }
    for outside in ["hunter3", "two spaces", "cafe"] {
        assert!(!filter.contains(&digest(outside)).unwrap(), "{outside}");
    }
}

#[test]
fn sets_of_many_shards_are_found_again() {
    let folder = Folder::new("shards");
    let mut parts = Parts::new(&folder.0.join("set")).unwrap();
    let texts: Vec<String> = (0..5000).map(|i| format!("{i}")).collect();
    for text in &texts {
        parts.add(&digest(text)).unwrap();
    }
    // As if there were so many that 2^12 shards are needed: more shards than parts.
    parts.count = SHARD_KEYS << 12;
    let path = folder.0.join("set");
    let (keys, _) = write(&path, &mut parts, Timestamp(0)).unwrap();
    assert_eq!(keys, 5000);
    let filter = Filter::open(&path).unwrap();
    filter.verify().unwrap();
    assert!(texts.iter().all(|t| filter.contains(&digest(t)).unwrap()));
    // And fewer shards than parts.
    drop(parts);
    let mut parts = Parts::new(&path).unwrap();
    for text in &texts {
        parts.add(&digest(text)).unwrap();
    }
    parts.count = SHARD_KEYS << 3;
    assert_eq!(write(&path, &mut parts, Timestamp(0)).unwrap().0, 5000);
    let filter = Filter::open(&path).unwrap();
    assert!(texts.iter().all(|t| filter.contains(&digest(t)).unwrap()));
}

#[test]
fn damaged_files_are_refused() {
    let folder = Folder::new("damaged");
    let plan = folder.plan(
        vec![folder.file("list", "one\ntwo\nthree\n")],
        Input::Passwords,
    );
    build(&plan).unwrap();
    let whole = std::fs::read(&plan.output).unwrap();
    let opened = |bytes: &[u8]| Filter::open(&folder.file("other", bytes));
    assert!(opened(&whole).is_ok());
    for at in (0..filter::HEADER + filter::ENTRY).step_by(3) {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        assert!(matches!(opened(&bytes), Err(FilterError::Damaged)), "{at}");
    }
    for len in [0, 10, filter::HEADER, filter::HEADER + 10, whole.len() - 1] {
        assert!(
            matches!(opened(&whole[..len]), Err(FilterError::Damaged)),
            "{len}"
        );
    }
    let mut bytes = whole.clone();
    *bytes.last_mut().unwrap() ^= 1;
    let filter = opened(&bytes).unwrap();
    assert!(matches!(filter.verify(), Err(FilterError::Damaged)));
    assert!(matches!(
        Filter::open(&folder.0.join("absent")),
        Err(FilterError::Io(_))
    ));
}

#[test]
fn an_input_of_the_wrong_kind_is_told_of_and_leaves_nothing() {
    let folder = Folder::new("kind");
    let plan = folder.plan(vec![folder.file("list", "hunter2\n")], Input::Digests);
    assert!(build(&plan).unwrap_err().to_string().contains("--plain"));
    let absent = folder.plan(vec![folder.0.join("absent")], Input::Digests);
    assert!(build(&absent).unwrap_err().to_string().contains("absent"));
    assert_eq!(std::fs::read_dir(&folder.0).unwrap().count(), 1);
}
