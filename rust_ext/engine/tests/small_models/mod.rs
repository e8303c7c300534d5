//! Opens the small models that lie in `models/`.
#![allow(clippy::unwrap_used, reason = "a test fails where its preparation does")]

use std::path::{Path, PathBuf};

use engine::{Library, Options, Session, find_library};

pub fn library() -> Library {
    Library::load(&find_library(None).unwrap()).unwrap()
}

pub fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/models").join(name)
}

pub fn open(name: &str) -> Session {
    Session::open(library(), &path(name), &Options::default()).unwrap()
}
