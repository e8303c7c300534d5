//! Every `unsafe` of the project: the calls to ONNX Runtime's C interface that `ort`
//! does not offer in the form we need.
//!
//! `ort` locks a session for each call (`run` takes `&mut self`), copies each name and
//! reads back each output's description. ONNX Runtime allows any number of threads to
//! run one session on its CPU provider, the only one we use; without the lock and the
//! copies, one row costs about a third less, and two threads do twice the work.
#![allow(unsafe_code)]

use std::ffi::{CStr, CString};
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
pub(crate) struct Names(Vec<CString>);

impl Names {
    pub(crate) fn of(ports: &[Port]) -> Self {
        // The names came from C, so none holds a NUL.
        let name = |port: &Port| CString::new(port.name.as_str()).unwrap_or_default();
        Self(ports.iter().map(name).collect())
    }
}

/// An array that ONNX Runtime owns; released when dropped.
#[derive(Debug)]
pub(crate) struct Value(NonNull<sys::OrtValue>);

// SAFETY: a value is plain memory; nothing about it belongs to a thread.
unsafe impl Send for Value {}
// SAFETY: through `&Value` it is only read.
unsafe impl Sync for Value {}

impl Drop for Value {
    fn drop(&mut self) {
        // SAFETY: the pointer is ours and not used again.
        unsafe { (ort::api().ReleaseValue)(self.0.as_ptr()) };
    }
}

impl Value {
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

    fn owned(value: *mut sys::OrtValue) -> ort::Result<Self> {
        NonNull::new(value)
            .map(Self)
            .ok_or_else(|| ort::Error::new("no value came back"))
    }

    /// Where its numbers begin; null where it has none.
    fn data(&self) -> ort::Result<*mut u8> {
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
    Ok(tensor.value().data()?.cast())
}

/// The strings of a tensor of strings.
pub(crate) fn strings(tensor: &Tensor) -> ort::Result<Vec<String>> {
    if tensor.is_empty() {
        return Ok(Vec::new());
    }
    let (api, value) = (ort::api(), tensor.value().0.as_ptr());
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
            tensor.value().0.as_ptr(),
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
    let inputs = input_names.0.iter().zip(inputs);
    let (input_names, inputs): (SmallVec<[_; 16]>, SmallVec<[_; 16]>) = inputs
        .map(|(name, tensor)| (name.as_ptr(), tensor.value().0.as_ptr().cast_const()))
        .unzip();
    let output_names: SmallVec<[_; 4]> =
        wanted.iter().map(|&position| output_names.0[position].as_ptr()).collect();
    if outputs.len() != wanted.len() {
        outputs.clear();
    }
    let mut pointers: SmallVec<[*mut sys::OrtValue; 4]> =
        outputs.iter().map(|tensor| tensor.value().0.as_ptr()).collect();
    pointers.resize(wanted.len(), ptr::null_mut());
    // SAFETY: each array is as long as said and its pointers are null or valid; the
    // outputs are borrowed for writing; the session's only provider is the CPU's, for
    // which calls may overlap. No array comes back twice: `Session` refuses to ask so.
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
    })?;
    if outputs.is_empty() {
        let values: SmallVec<[Value; 4]> =
            pointers.into_iter().map(Value::owned).collect::<ort::Result<_>>()?;
        for value in values {
            outputs.push(Tensor::from_value(value)?);
        }
    }
    let mut truths =
        outputs.iter_mut().filter(|tensor| tensor.element_type() == ElementType::Bool);
    truths.try_for_each(make_bools)
}

/// Makes each byte of a tensor of truth values 0 or 1. A weights file beside a model may
/// hold others, and ONNX Runtime hands them on; to Rust they are no `bool`.
fn make_bools(tensor: &mut Tensor) -> ort::Result<()> {
    if tensor.is_empty() {
        return Ok(());
    }
    let bytes = tensor.value().data()?;
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
