//! Every `unsafe` of the project, but for a call in each `main`: the calls to ONNX
//! Runtime's C interface that `ort` does not offer in the form we need, and two to the
//! system.
//!
//! `ort` locks a session for each call (`run` takes `&mut self`), copies each name and
//! reads back each output's description. ONNX Runtime allows any number of threads to
//! run one session on its CPU provider, the only one we use; without the lock and the
//! copies, one row costs about a third less, and two threads do twice the work.
#![allow(unsafe_code)]

use std::ffi::{CStr, CString, c_char};
use std::path::Path;
use std::ptr::{self, NonNull};
use std::slice;

use libloading::Library;
use ort::memory::Allocator;
use ort::session::SharedSessionInner;
use ort::{AsPointer, sys};
use smallvec::SmallVec;

use crate::port::Port;
use crate::tensor::{Element, ElementType, Tensor};

/// The variable that keeps ONNX Runtime from reporting to its maker.
const NO_TELEMETRY: &str = "ORT_DISABLE_TELEMETRY";

/// Keeps ONNX Runtime from reporting to its maker, unless `ORT_DISABLE_TELEMETRY` is
/// set already; for the first line of `main`.
///
/// From 1.29 its official builds send the model's names, shapes and times and this
/// machine's identifier to Microsoft, from a thread of their own and through a file in
/// the user's cache. [`crate::Library::load`] turns the events off, but by then the
/// thread, the file and a first event are there: only the variable prevents them.
///
/// # Safety
/// No other thread may be running: it sets a variable of the environment.
pub unsafe fn disable_telemetry() {
    if std::env::var_os(NO_TELEMETRY).is_none() {
        // SAFETY: the caller's promise.
        unsafe { std::env::set_var(NO_TELEMETRY, "1") };
    }
}

/// Has the calling thread give way to those that have little to do (nice 19), until it
/// ends; on Linux, and nothing elsewhere. For long runs beside short ones.
///
/// # Errors
/// The system's, where it does not allow that.
pub fn yield_to_others() -> std::io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        // SAFETY: it takes numbers; 0 is the calling thread, not its process, on Linux.
        if unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, LEAST) } != 0 {
            return Err(std::io::Error::last_os_error());
        }
    }
    Ok(())
}

/// The least share of a processor that a thread can ask for: a seventieth of the usual.
#[cfg(target_os = "linux")]
const LEAST: i32 = 19;

/// The library's one entry point, the same in each release.
type GetBase = unsafe extern "system" fn() -> *const sys::OrtApiBase;

/// The version of the library at `path`, loaded for as long as the process lives, or why
/// it is not usable.
pub(crate) fn check_library(path: &Path) -> Result<&'static str, String> {
    // SAFETY: loading runs the library's initialisers; the caller names the file.
    let library = unsafe { Library::new(path) }.map_err(|error| error.to_string())?;
    // SAFETY: the symbol has this type in each release of ONNX Runtime.
    let get_base = unsafe { library.get::<GetBase>(c"OrtGetApiBase") }
        .map_err(|_| "it exports no 'OrtGetApiBase'".to_owned())?;
    // SAFETY: it takes nothing and returns a static structure.
    let base = unsafe { get_base() };
    // SAFETY: the structure is static; a null pointer becomes `None`.
    let base = unsafe { base.as_ref() }.ok_or("it has no interface")?;
    // SAFETY: it returns null for a version that the library does not know.
    let api = unsafe { (base.GetApi)(sys::ORT_API_VERSION) };
    // SAFETY: it takes nothing and returns a static string.
    let version = unsafe { (base.GetVersionString)() };
    std::mem::forget(library);
    // SAFETY: the string ends with NUL, and is static in a library that stays.
    let version = unsafe { CStr::from_ptr(version) }.to_str().unwrap_or("unknown");
    if !api.is_null() {
        return Ok(version);
    }
    Err(format!(
        "release {version} is too old, 1.{} is the least",
        sys::ORT_API_VERSION
    ))
}

/// The names of a model's ports, as C reads them.
pub(crate) struct Names {
    pointers: Vec<*const c_char>,
    _owned: Vec<CString>,
}

// SAFETY: the pointers lead to strings that live as long, and nobody writes to them.
unsafe impl Send for Names {}
// SAFETY: as above.
unsafe impl Sync for Names {}

impl Names {
    pub(crate) fn of(ports: &[Port]) -> Self {
        // The names came from C, so none holds a NUL.
        let name = |port: &Port| CString::new(port.name.as_str()).unwrap_or_default();
        let owned: Vec<CString> = ports.iter().map(name).collect();
        Self {
            pointers: owned.iter().map(|name| name.as_ptr()).collect(),
            _owned: owned,
        }
    }
}

/// A value that ONNX Runtime owns; released when dropped.
#[derive(Debug)]
pub(crate) struct Handle(NonNull<sys::OrtValue>);

/// What a value consists of.
pub(crate) enum Parts {
    Tensor(Handle),
    List(Vec<Handle>),
    Map { keys: Handle, values: Handle },
    None,
}

// SAFETY: a value is plain memory; nothing about it belongs to a thread.
unsafe impl Send for Handle {}
// SAFETY: through `&Handle` it is only read.
unsafe impl Sync for Handle {}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: the pointer is ours and not used again.
        unsafe { (ort::api().ReleaseValue)(self.0.as_ptr()) };
    }
}

impl Handle {
    /// An array of zeros or of empty strings.
    pub(crate) fn zeros(element: ElementType, shape: &[usize]) -> ort::Result<Self> {
        let dims: SmallVec<[i64; 4]> =
            shape.iter().map(|&size| i64::try_from(size).unwrap_or(i64::MAX)).collect();
        let allocator = Allocator::default();
        let mut value = ptr::null_mut();
        // SAFETY: `dims` is as long as said; the default allocator lives for ever.
        check(unsafe {
            (ort::api().CreateTensorAsOrtValue)(
                allocator.ptr().cast_mut(),
                dims.as_ptr(),
                dims.len(),
                element.to_ort().into(),
                &raw mut value,
            )
        })?;
        let value = Self::owned(value)?;
        if let Some(size) = element.size() {
            let bytes = size * shape.iter().product::<usize>();
            let data = value.data()?;
            if bytes > 0 {
                // SAFETY: the array is new and holds this many bytes.
                unsafe { data.write_bytes(0, bytes) };
            }
        }
        Ok(value)
    }

    /// A list of copies of tensors or maps of one type; there is one at least.
    pub(crate) fn list(items: &[Self]) -> ort::Result<Self> {
        Self::of(sys::ONNXType::ONNX_TYPE_SEQUENCE, items)
    }

    /// A map from copies of a tensor of keys to copies of a tensor of values.
    pub(crate) fn map(parts: &[Self; 2]) -> ort::Result<Self> {
        Self::of(sys::ONNXType::ONNX_TYPE_MAP, parts)
    }

    fn of(ty: sys::ONNXType, parts: &[Self]) -> ort::Result<Self> {
        let parts: Vec<*const sys::OrtValue> =
            parts.iter().map(|part| part.0.as_ptr().cast_const()).collect();
        let mut value = ptr::null_mut();
        // SAFETY: `parts` is as long as said and its pointers are valid.
        check(unsafe {
            (ort::api().CreateValue)(parts.as_ptr(), parts.len(), ty, &raw mut value)
        })?;
        Self::owned(value)
    }

    /// What it consists of: a tensor is itself, all else are copies.
    pub(crate) fn into_parts(self) -> ort::Result<Parts> {
        let mut has_value = 0;
        // SAFETY: any value may be asked.
        check(unsafe { (ort::api().HasValue)(self.0.as_ptr(), &raw mut has_value) })?;
        if has_value == 0 {
            return Ok(Parts::None);
        }
        let mut ty = sys::ONNXType::ONNX_TYPE_UNKNOWN;
        // SAFETY: any value may be asked.
        check(unsafe { (ort::api().GetValueType)(self.0.as_ptr(), &raw mut ty) })?;
        match ty {
            sys::ONNXType::ONNX_TYPE_TENSOR => Ok(Parts::Tensor(self)),
            sys::ONNXType::ONNX_TYPE_SEQUENCE => {
                let mut count = 0;
                // SAFETY: the value is a sequence.
                check(unsafe {
                    (ort::api().GetValueCount)(self.0.as_ptr(), &raw mut count)
                })?;
                let count = i32::try_from(count).unwrap_or(i32::MAX);
                Ok(Parts::List(
                    (0..count)
                        .map(|index| self.part(index))
                        .collect::<Result<_, _>>()?,
                ))
            }
            sys::ONNXType::ONNX_TYPE_MAP => {
                Ok(Parts::Map { keys: self.part(0)?, values: self.part(1)? })
            }
            _ => Err(ort::Error::new("its kind of value is not carried")),
        }
    }

    fn part(&self, index: i32) -> ort::Result<Self> {
        let allocator = Allocator::default();
        let mut part = ptr::null_mut();
        // SAFETY: the value is a sequence or a map, whose bounds ONNX Runtime checks; the
        // default allocator lives for ever.
        check(unsafe {
            (ort::api().GetValue)(
                self.0.as_ptr(),
                index,
                allocator.ptr().cast_mut(),
                &raw mut part,
            )
        })?;
        Self::owned(part)
    }

    fn pointer(&self) -> *const sys::OrtValue {
        self.0.as_ptr().cast_const()
    }

    fn owned(value: *mut sys::OrtValue) -> ort::Result<Self> {
        NonNull::new(value)
            .map(Self)
            .ok_or_else(|| ort::Error::new("no value came back"))
    }

    /// Where its numbers begin; null where it has none.
    pub(crate) fn data(&self) -> ort::Result<*mut u8> {
        let mut data = ptr::null_mut();
        // SAFETY: the value is a tensor.
        check(unsafe {
            (ort::api().GetTensorMutableData)(self.0.as_ptr(), &raw mut data)
        })?;
        Ok(data.cast())
    }

    /// What it holds.
    pub(crate) fn element_and_shape(
        &self,
    ) -> ort::Result<(ElementType, SmallVec<[usize; 4]>)> {
        let mut ty =
            sys::ONNXTensorElementDataType::ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
        let (mut dims, mut rank) = (ptr::null(), 0);
        // SAFETY: the value is a tensor.
        check(unsafe {
            (ort::api().GetTensorElementTypeAndShapeDataReference)(
                self.0.as_ptr(),
                &raw mut ty,
                &raw mut dims,
                &raw mut rank,
            )
        })?;
        let dims: &[i64] = if rank == 0 {
            &[]
        } else {
            // SAFETY: the value owns `rank` dimensions there and is borrowed.
            unsafe { slice::from_raw_parts(dims, rank) }
        };
        let element = ElementType::from_ort(ty.into())
            .ok_or_else(|| ort::Error::new("its element type is not carried"))?;
        let shape = dims.iter().map(|&dim| usize::try_from(dim).unwrap_or(0)).collect();
        Ok((element, shape))
    }
}

/// The numbers of a tensor that holds `T`.
pub(crate) fn numbers<T: Element>(tensor: &Tensor) -> ort::Result<&[T]> {
    let start = start::<T>(tensor)?;
    // SAFETY: this many `T` begin there, for as long as the tensor lives.
    Ok(unsafe { slice::from_raw_parts(start, tensor.len()) })
}

/// The numbers of a tensor that holds `T`, to overwrite.
pub(crate) fn numbers_mut<T: Element>(tensor: &mut Tensor) -> ort::Result<&mut [T]> {
    let start = start::<T>(tensor)?;
    // SAFETY: as in `numbers`; the tensor is borrowed for writing by this caller alone.
    Ok(unsafe { slice::from_raw_parts_mut(start, tensor.len()) })
}

/// Where the numbers of a tensor begin, which its caller knows to hold `T`.
fn start<T: Element>(tensor: &Tensor) -> ort::Result<*mut T> {
    assert_eq!(tensor.element_type(), T::TYPE);
    if tensor.is_empty() {
        return Ok(ptr::dangling_mut());
    }
    Ok(tensor.handle().data()?.cast())
}

/// The numbers of a tensor as they lie in memory; none of strings.
pub(crate) fn bytes(tensor: &Tensor) -> ort::Result<&[u8]> {
    let (start, count) = extent(tensor)?;
    // SAFETY: this many bytes begin there, for as long as the tensor lives.
    Ok(unsafe { slice::from_raw_parts(start, count) })
}

/// Overwrites the numbers of a tensor by those of another of its type and size.
pub(crate) fn set_bytes(tensor: &mut Tensor, bytes: &[u8]) -> ort::Result<()> {
    let (start, count) = extent(tensor)?;
    assert_eq!(count, bytes.len());
    // SAFETY: this many bytes begin there, borrowed by this caller alone; they came from
    // numbers of the same type, so they are such numbers.
    unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), start, count) };
    Ok(())
}

/// Where the numbers of a tensor begin, and how many bytes they take.
fn extent(tensor: &Tensor) -> ort::Result<(*mut u8, usize)> {
    let count = tensor.len() * tensor.element_type().size().unwrap_or(0);
    let start =
        if count == 0 { ptr::dangling_mut() } else { tensor.handle().data()? };
    Ok((start, count))
}

/// The strings of a tensor of strings.
pub(crate) fn strings(tensor: &Tensor) -> ort::Result<Vec<String>> {
    if tensor.is_empty() {
        return Ok(Vec::new());
    }
    let (api, value) = (ort::api(), tensor.handle().0.as_ptr());
    let mut bytes = 0;
    // SAFETY: the value is a tensor of strings.
    check(unsafe { (api.GetStringTensorDataLength)(value, &raw mut bytes) })?;
    let mut text = vec![0_u8; bytes];
    let mut starts = vec![0; tensor.len()];
    // SAFETY: both buffers are as long as said.
    check(unsafe {
        (api.GetStringTensorContent)(
            value,
            text.as_mut_ptr().cast(),
            text.len(),
            starts.as_mut_ptr(),
            starts.len(),
        )
    })?;
    let ends = starts.iter().skip(1).copied().chain([bytes]);
    let pieces = starts.iter().zip(ends).map(|(&start, end)| &text[start..end]);
    Ok(pieces.map(|piece| String::from_utf8_lossy(piece).into_owned()).collect())
}

/// Overwrites one string of a tensor of strings.
pub(crate) fn set_string(
    tensor: &mut Tensor,
    index: usize,
    text: &str,
) -> ort::Result<()> {
    let mut buffer = ptr::null_mut();
    // SAFETY: the value is a tensor of strings and is borrowed for writing.
    check(unsafe {
        (ort::api().GetResizedStringTensorElementBuffer)(
            tensor.handle().0.as_ptr(),
            index,
            text.len(),
            &raw mut buffer,
        )
    })?;
    // SAFETY: the buffer holds as many bytes as the text has, and is not the text.
    unsafe { ptr::copy_nonoverlapping(text.as_ptr(), buffer.cast(), text.len()) };
    Ok(())
}

/// Runs the session on one tensor for each input. The outputs at the positions `wanted`
/// replace `outputs`, or are written into them where there is one for each.
pub(crate) fn run(
    session: &SharedSessionInner,
    (input_names, inputs): (&Names, &[Tensor]),
    (output_names, wanted): (&Names, &[usize]),
    outputs: &mut Vec<Tensor>,
) -> ort::Result<()> {
    let inputs: Inputs =
        inputs.iter().map(|tensor| tensor.handle().pointer()).collect();
    let names = &input_names.pointers[..inputs.len()];
    if outputs.len() != wanted.len() {
        outputs.clear();
    }
    let mut pointers: Pointers =
        outputs.iter().map(|tensor| tensor.handle().0.as_ptr()).collect();
    call(session, (names, &inputs), (output_names, wanted), &mut pointers)?;
    if outputs.is_empty() {
        let handles: SmallVec<[Handle; 4]> =
            pointers.into_iter().map(Handle::owned).collect::<ort::Result<_>>()?;
        for handle in handles {
            outputs.push(Tensor::from_handle(handle)?);
        }
        return Ok(());
    }
    outputs.iter_mut().try_for_each(make_bools)
}

/// Runs the session on values for some of its inputs, given with their positions, and
/// returns the outputs at the positions `wanted`.
pub(crate) fn run_any(
    session: &SharedSessionInner,
    (input_names, inputs): (&Names, &[(usize, Handle)]),
    outputs: (&Names, &[usize]),
) -> ort::Result<Vec<Handle>> {
    let (names, inputs): (SmallVec<[_; 16]>, Inputs) = inputs
        .iter()
        .map(|(position, handle)| (input_names.pointers[*position], handle.pointer()))
        .unzip();
    let mut pointers = Pointers::new();
    call(session, (&names, &inputs), outputs, &mut pointers)?;
    pointers.into_iter().map(Handle::owned).collect()
}

/// Values to read.
type Inputs = SmallVec<[*const sys::OrtValue; 16]>;
/// Values to write into, or null.
type Pointers = SmallVec<[*mut sys::OrtValue; 4]>;

/// Fills `pointers`, which may be valid or missing, with the outputs.
fn call(
    session: &SharedSessionInner,
    (input_names, inputs): (&[*const c_char], &Inputs),
    (output_names, wanted): (&Names, &[usize]),
    pointers: &mut Pointers,
) -> ort::Result<()> {
    assert_eq!(input_names.len(), inputs.len());
    let output_names: SmallVec<[_; 4]> =
        wanted.iter().map(|&position| output_names.pointers[position]).collect();
    pointers.resize(wanted.len(), ptr::null_mut());
    // SAFETY: each array is as long as said and its pointers are null or valid; outputs
    // to write into are borrowed for that; the session's only provider is the CPU's, for
    // which calls may overlap. Where one array comes back for several names, `Session`
    // gives each a copy before anybody can write.
    check(unsafe {
        (ort::api().Run)(
            session.ptr().cast_mut(),
            ptr::null(),
            input_names.as_ptr(),
            inputs.as_ptr(),
            inputs.len(),
            output_names.as_ptr(),
            output_names.len(),
            pointers.as_mut_ptr(),
        )
    })
}

/// Makes each byte of a tensor of truth values 0 or 1. A weights file beside a model may
/// hold others, and ONNX Runtime hands them on; to Rust they are no `bool`.
pub(crate) fn make_bools(tensor: &mut Tensor) -> ort::Result<()> {
    if tensor.element_type() != ElementType::Bool || tensor.is_empty() {
        return Ok(());
    }
    let bytes = tensor.handle().data()?;
    // SAFETY: this many bytes begin there; the tensor is borrowed by this caller alone.
    for byte in unsafe { slice::from_raw_parts_mut(bytes, tensor.len()) } {
        *byte = u8::from(*byte != 0);
    }
    Ok(())
}

/// The error that a call returned, if it did.
fn check(status: sys::OrtStatusPtr) -> ort::Result<()> {
    // SAFETY: the status came from ONNX Runtime and is used once.
    unsafe { ort::Error::result_from_status(status) }
}
