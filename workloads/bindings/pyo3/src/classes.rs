//! Classes: one of fields, and one that Python derives from.
use pyo3::exceptions::{PyIndexError, PyMemoryError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use crate::kernels::{self, MASK};

#[pyclass(module = "bdb_pyo3", get_all, set_all, eq)]
#[derive(PartialEq)]
pub struct Six {
    a: i64,
    b: i64,
    c: i64,
    d: i64,
    e: i64,
    f: i64,
}

#[pymethods]
impl Six {
    #[new]
    fn new(a: i64, b: i64, c: i64, d: i64, e: i64, f: i64) -> Self {
        Six { a, b, c, d, e, f }
    }

    fn sum(&self) -> i64 {
        unsafe { kernels::bd_kernel_i64_6(self.a, self.b, self.c, self.d, self.e, self.f) }
    }

    #[getter]
    fn total(&self) -> i64 {
        self.sum()
    }

    fn __len__(&self) -> usize {
        6
    }

    fn __getitem__(&self, index: isize) -> PyResult<i64> {
        match if index < 0 { index + 6 } else { index } {
            0 => Ok(self.a),
            1 => Ok(self.b),
            2 => Ok(self.c),
            3 => Ok(self.d),
            4 => Ok(self.e),
            5 => Ok(self.f),
            _ => Err(PyIndexError::new_err("index out of range")),
        }
    }

    fn __iter__(&self) -> SixIterator {
        SixIterator { values: [self.a, self.b, self.c, self.d, self.e, self.f], at: 0 }
    }

    fn __call__(&self, x: i64) -> i64 {
        self.a.wrapping_add(x) & MASK as i64
    }
}

#[pyclass(module = "bdb_pyo3")]
pub struct SixIterator {
    values: [i64; 6],
    at: usize,
}

#[pymethods]
impl SixIterator {
    fn __iter__(this: PyRef<'_, Self>) -> PyRef<'_, Self> {
        this
    }

    fn __next__(&mut self) -> Option<i64> {
        let value = self.values.get(self.at).copied();
        self.at += 1;
        value
    }
}

#[pyfunction]
pub fn six_batch(n: usize) -> PyResult<Vec<Six>> {
    let mut batch = Vec::new();
    batch.try_reserve_exact(n).map_err(|e| PyMemoryError::new_err(e.to_string()))?;
    batch.extend((0..n as i64).map(|i| Six { a: i, b: i + 1, c: i + 2, d: i + 3, e: i + 4, f: i + 5 }));
    kernels::count();
    Ok(batch)
}

#[pyclass(module = "bdb_pyo3", subclass)]
pub struct Walker;

#[pymethods]
impl Walker {
    /// Whatever a subclass's own __init__ wants.
    #[new]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(_args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> Self {
        Walker
    }

    fn step(&self, k: u64) -> u64 {
        k.wrapping_add(1) & MASK
    }
}

/// PyO3 has no virtual methods of its own: what a subclass may override is called by its name.
#[pyfunction]
pub fn run_virtual(obj: &Bound<'_, Walker>, k: u64, n: u64) -> PyResult<u64> {
    let mut k = k;
    for _ in 0..n {
        k = obj.call_method1(intern!(obj.py(), "step"), (k,))?.extract()?;
    }
    kernels::count();
    Ok(k)
}
