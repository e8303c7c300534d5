//! Finds ONNX Runtime's library and loads it, once for the process.

use std::env;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

use ort::environment::Environment;

use crate::error::{Error, Result};
use crate::ffi;

/// The proof that ONNX Runtime is loaded; sessions are opened with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Library {
    path: &'static Path,
    version: &'static str,
}

static LOADED: OnceLock<Library> = OnceLock::new();
static LOADING: Mutex<()> = Mutex::new(());

impl Library {
    /// The library at `path`, loaded, checked and set up.
    ///
    /// A process keeps the first library that loads: later calls return it at once.
    ///
    /// # Errors
    /// [`Error::LibraryUnusable`] where the file is missing, is no ONNX Runtime or is
    /// too old; [`Error::LibraryChanged`] where another one is already in use.
    pub fn load(path: &Path) -> Result<Self> {
        let unusable =
            |reason: String| Error::LibraryUnusable { path: path.to_owned(), reason };
        let absolute =
            path.canonicalize().map_err(|error| unusable(error.to_string()))?;
        let _alone = LOADING.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(library) = Self::loaded() {
            return if library.path == absolute {
                Ok(library)
            } else {
                Err(Error::LibraryChanged {
                    loaded: library.path.to_owned(),
                    asked: absolute,
                })
            };
        }
        // `ort` may be asked only once, and only for a file that it will accept: after
        // a failed attempt of its own, its next call panics.
        let version = ffi::check_library(&absolute).map_err(unusable)?;
        ort::init_from(&absolute)
            .map_err(|error| unusable(error.to_string()))?
            .with_telemetry(false)
            .commit();
        // Made here and not with the first session: it takes longer than all the rest.
        Environment::current().map_err(|error| unusable(error.to_string()))?;
        let load = || Self { path: Box::leak(absolute.into_boxed_path()), version };
        Ok(*LOADED.get_or_init(load))
    }

    /// The release of ONNX Runtime, such as `1.24.0`.
    #[must_use]
    pub fn version(self) -> &'static str {
        self.version
    }

    /// The library in use, if one has been loaded.
    #[must_use]
    pub fn loaded() -> Option<Self> {
        LOADED.get().copied()
    }
}

/// The library to load: `explicit`, else `ORT_DYLIB_PATH`, else the onnxruntime wheel in
/// the active environment or in the one that this program lies in.
///
/// # Errors
/// [`Error::LibraryNotFound`] with the folders searched.
pub fn find_library(explicit: Option<&Path>) -> Result<PathBuf> {
    if let Some(path) = explicit {
        return Ok(path.to_owned());
    }
    if let Some(path) = env::var_os("ORT_DYLIB_PATH").filter(|path| !path.is_empty()) {
        return Ok(path.into());
    }
    let searched = environments();
    let found = searched.iter().flat_map(|environment| packages(environment));
    let mut found = found.map(|packages| packages.join("onnxruntime").join("capi"));
    found
        .find_map(|folder| library_in(&folder))
        .ok_or(Error::LibraryNotFound { searched })
}

/// The Python environments to look in: the active ones, then those that the program lies
/// in or beside.
fn environments() -> Vec<PathBuf> {
    let active = ["VIRTUAL_ENV", "CONDA_PREFIX"].into_iter().filter_map(env::var_os);
    let program = env::current_exe().unwrap_or_default();
    let around = program.ancestors().skip(1);
    let around = around.flat_map(|folder| [folder.to_owned(), folder.join(".venv")]);
    let around = around.filter(|folder| {
        folder.join("pyvenv.cfg").is_file() || folder.join("conda-meta").is_dir()
    });
    active.map(PathBuf::from).chain(around).collect()
}

/// The folders of an environment that hold its packages, on each system.
fn packages(environment: &Path) -> Vec<PathBuf> {
    let unix = std::fs::read_dir(environment.join("lib"));
    let unix = unix.into_iter().flatten().flatten().map(|entry| entry.path());
    let unix = unix.map(|python| python.join("site-packages"));
    unix.chain([environment.join("Lib").join("site-packages")]).collect()
}

/// ONNX Runtime's library in a folder: its name carries a version on some systems.
fn library_in(folder: &Path) -> Option<PathBuf> {
    std::fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path()).find(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name == "onnxruntime.dll"
            || name.starts_with("libonnxruntime.so")
            || (name.starts_with("libonnxruntime.") && name.ends_with(".dylib"))
    })
}
