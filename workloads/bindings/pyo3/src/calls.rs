//! Calls back into Python, errors, overloads, attributes.
use std::ffi::c_void;
use std::fmt;

use pyo3::exceptions::{PyOverflowError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyFloat, PyString};
use pyo3::{intern, IntoPyObjectExt};

use crate::kernels::{self, MASK, STOP};

/// A Python function as the kernel library calls it, and how it failed.
struct Target {
    function: Py<PyAny>,
    error: Option<PyErr>,
}

impl Target {
    fn call(&mut self, py: Python<'_>, x: u64) -> u64 {
        match self.function.call1(py, (x,)).and_then(|r| r.extract::<u64>(py)) {
            Ok(x) => x & MASK,
            Err(e) => {
                self.error = Some(e);
                STOP
            }
        }
    }

    fn result(self, x: u64) -> PyResult<u64> {
        match self.error {
            Some(e) => Err(e),
            None if x == STOP => Err(PyRuntimeError::new_err("no thread could be made")),
            None => Ok(x),
        }
    }
}

/// The caller is attached to the interpreter already.
unsafe extern "C" fn call_attached(target: *mut c_void, x: u64) -> u64 {
    let py = unsafe { Python::assume_attached() };
    unsafe { &mut *target.cast::<Target>() }.call(py, x)
}

/// On a thread that is attached for each call.
unsafe extern "C" fn call_foreign(target: *mut c_void, x: u64) -> u64 {
    let target = unsafe { &mut *target.cast::<Target>() };
    Python::attach(|py| target.call(py, x))
}

#[pyfunction]
pub fn callback(f: Py<PyAny>, k: u64, n: u64) -> PyResult<u64> {
    let mut target = Target { function: f, error: None };
    let x = unsafe { kernels::bd_kernel_callback(k, n, call_attached, (&raw mut target).cast()) };
    target.result(x)
}

#[pyfunction]
pub fn callback_foreign(py: Python<'_>, f: Py<PyAny>, k: u64, n: u64) -> PyResult<u64> {
    let mut target = Target { function: f, error: None };
    let x = py.detach(|| unsafe { kernels::bd_kernel_callback_foreign(k, n, call_foreign, (&raw mut target).cast()) });
    target.result(x)
}

// ---- errors

#[derive(Debug)]
struct Refused;

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the kernel library refused")
    }
}

impl std::error::Error for Refused {}

impl From<Refused> for PyErr {
    fn from(error: Refused) -> PyErr {
        PyValueError::new_err(error.to_string())
    }
}

#[inline(never)]
fn fail(depth: u64) -> Result<u64, Refused> {
    if depth == 0 {
        return if unsafe { kernels::bd_kernel_fail(0) } < 0 { Err(Refused) } else { Ok(0) };
    }
    let calls = fail(depth - 1)?;
    Ok(std::hint::black_box(calls + 1)) // each of them a frame that the error passes
}

#[pyfunction]
pub fn error(depth: u64) -> PyResult<u64> {
    Ok(fail(depth)?)
}

#[pyfunction]
pub fn catch(f: &Bound<'_, PyAny>, k: i64) -> PyResult<i64> {
    let next = unsafe { kernels::bd_kernel_i64_2(k, 1) };
    match f.call1((k,)) {
        Ok(result) => result.extract(),
        Err(_) => Ok(next),
    }
}

// ---- overloads, attributes

/// Tried in this order; a float is asked for by name, because an f64 would take any int as well.
#[derive(FromPyObject)]
pub enum Argument<'py> {
    Int(i64),
    Float(Bound<'py, PyFloat>),
    Text(Bound<'py, PyString>),
}

#[pyfunction]
pub fn overload<'py>(py: Python<'py>, x: Argument<'py>) -> PyResult<Bound<'py, PyAny>> {
    kernels::count();
    match x {
        Argument::Int(x) => {
            x.checked_add(1).ok_or_else(|| PyOverflowError::new_err("x + 1 does not fit"))?.into_bound_py_any(py)
        }
        Argument::Float(x) => (x.value() + 1.0).into_bound_py_any(py),
        Argument::Text(x) => x.len()?.into_bound_py_any(py),
    }
}

#[pyfunction]
pub fn lookup(obj: &Bound<'_, PyAny>, k: i64, n: u64) -> PyResult<i64> {
    let mut total = 0i64;
    for _ in 0..n {
        let value: i64 = obj.getattr(intern!(obj.py(), "value"))?.extract()?;
        total = total.wrapping_add(value);
    }
    Ok(unsafe { kernels::bd_kernel_i64_2(k, total) })
}
