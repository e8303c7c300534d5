//! One process loads one library: these cases share it, so they are one test.

use std::path::Path;

use engine::{Library, Tensor, find_library};

#[test]
fn keeps_the_first_library_that_loads() {
    let code = |path: &Path| Library::load(path).map_err(|error| error.code());
    assert_eq!(code(Path::new("/nowhere/libonnxruntime.so")), Err("library-unusable"));
    assert_eq!(code(Path::new(env!("CARGO_MANIFEST_DIR"))), Err("library-unusable"));
    let text = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    assert_eq!(code(&text), Err("library-unusable"));
    assert_eq!(Library::loaded(), None);
    let early = Tensor::from_slice(&[1], &[1.0_f32]).map_err(|error| error.code());
    assert_eq!(early.map(|_| ()), Err("library-not-loaded"));

    let found = find_library(None).unwrap();
    let library = Library::load(&found).unwrap();
    assert_eq!(Library::load(&found), Ok(library));
    assert_eq!(Library::loaded(), Some(library));
    assert!(found.display().to_string().ends_with(library.version()), "{found:?}");

    let copy = std::env::temp_dir().join(format!("copy-{}.so", std::process::id()));
    std::fs::write(&copy, b"not a library").unwrap();
    assert_eq!(code(&copy), Err("library-changed"));
    std::fs::remove_file(copy).unwrap();
}

#[test]
fn takes_an_explicit_path_as_it_is() {
    let path = Path::new("some/library.so");
    assert_eq!(find_library(Some(path)).unwrap(), path);
}
