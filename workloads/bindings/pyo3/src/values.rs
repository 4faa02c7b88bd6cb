//! Texts, bytes, buffers, sequences, maps and rows.
use std::collections::HashMap;

use pyo3::buffer::{Element, PyBuffer, PyUntypedBuffer};
use pyo3::exceptions::{PyBufferError, PyMemoryError};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;
use pyo3::types::PyBytes;

use crate::kernels::{self, Pair, Row};

fn sum_of(k: u64, data: &[u8]) -> u64 {
    unsafe { kernels::bd_kernel_sum(k, data.as_ptr().cast(), data.len() as u64) }
}

/// Room for n elements: a size from Python may be any, and running out of memory must not end the process.
fn room<T>(n: usize) -> PyResult<Vec<T>> {
    let mut v = Vec::new();
    v.try_reserve_exact(n).map_err(|e| PyMemoryError::new_err(e.to_string()))?;
    Ok(v)
}

fn filled<T: Copy + Default>(n: usize, fill: impl FnOnce(*mut T, u64)) -> PyResult<Vec<T>> {
    let mut v = room(n)?;
    v.resize(n, T::default());
    fill(v.as_mut_ptr(), n as u64);
    Ok(v)
}

#[pyfunction]
pub fn text(k: u64, s: &str) -> u64 {
    sum_of(k, s.as_bytes())
}

#[pyfunction]
pub fn text_copy(k: u64, s: String) -> u64 {
    sum_of(k, s.as_bytes())
}

#[pyfunction]
pub fn bytes_copy(k: u64, b: &[u8]) -> u64 {
    sum_of(k, &b.to_vec())
}

#[pyfunction]
pub fn bytes_out(py: Python<'_>, k: u64, n: usize) -> PyResult<Bound<'_, PyBytes>> {
    PyBytes::new_with(py, n, |to| {
        unsafe { kernels::bd_kernel_fill(k, to.as_mut_ptr().cast(), n as u64) };
        Ok(())
    })
}

// ---- buffers, borrowed

#[pyfunction]
pub fn sum(k: u64, data: &Bound<'_, PyAny>) -> PyResult<u64> {
    let view = PyUntypedBuffer::get(data)?;
    if !view.is_c_contiguous() {
        return Err(PyBufferError::new_err("the buffer is not contiguous"));
    }
    let k = unsafe { kernels::bd_kernel_sum(k, view.buf_ptr(), view.len_bytes() as u64) };
    view.release(data.py());
    Ok(k)
}

/// None for an array of nothing: PyO3 refuses memory that is not aligned, and where there is none the address may be any.
fn doubles(data: &Bound<'_, PyAny>) -> PyResult<Option<PyBuffer<f64>>> {
    let view = PyUntypedBuffer::get(data)?;
    if view.item_count() == 0 && f64::is_compatible_format(view.format()) {
        return Ok(None);
    }
    view.into_typed().map(Some)
}

#[pyfunction]
pub fn sum_f64(data: &Bound<'_, PyAny>) -> PyResult<f64> {
    let view = doubles(data)?;
    let v = match &view {
        Some(view) => view.as_slice(data.py()).ok_or_else(|| PyBufferError::new_err("the buffer is not contiguous"))?,
        None => &[],
    };
    Ok(unsafe { kernels::bd_kernel_sum_f64(v.as_ptr().cast(), v.len() as u64) })
}

#[pyfunction]
pub fn sum_f64_strided(data: &Bound<'_, PyAny>) -> PyResult<f64> {
    let Some(view) = doubles(data)? else {
        return Ok(unsafe { kernels::bd_kernel_sum_f64_strided(std::ptr::null(), 0, 0) });
    };
    if view.dimensions() != 1 || view.suboffsets().is_some() {
        return Err(PyBufferError::new_err("the buffer does not have one dimension"));
    }
    let (n, stride) = (view.shape()[0] as u64, view.strides()[0] as i64);
    Ok(unsafe { kernels::bd_kernel_sum_f64_strided(view.buf_ptr().cast(), n, stride) })
}

// ---- sequences

#[pyfunction]
pub fn seq_i64_in(k: u64, seq: Vec<i64>) -> u64 {
    unsafe { kernels::bd_kernel_sum_i64(k, seq.as_ptr(), seq.len() as u64) }
}

#[pyfunction]
pub fn seq_f64_in(seq: Vec<f64>) -> f64 {
    unsafe { kernels::bd_kernel_sum_f64(seq.as_ptr(), seq.len() as u64) }
}

#[pyfunction]
pub fn seq_str_in(k: u64, seq: Vec<PyBackedStr>) -> u64 {
    let text: Vec<_> = seq.iter().map(|s| s.as_ptr().cast()).collect();
    let len: Vec<_> = seq.iter().map(|s| s.len() as u64).collect();
    unsafe { kernels::bd_kernel_sum_texts(k, text.as_ptr(), len.as_ptr(), text.len() as u64) }
}

#[pyfunction]
pub fn seq_i64_out(k: u64, n: usize) -> PyResult<Vec<i64>> {
    filled(n, |v, n| unsafe { kernels::bd_kernel_fill_i64(k, v, n) })
}

#[pyfunction]
pub fn seq_f64_out(k: u64, n: usize) -> PyResult<Vec<f64>> {
    filled(n, |v, n| unsafe { kernels::bd_kernel_fill_f64(k, v, n) })
}

#[pyfunction]
pub fn seq_str_out(k: u64, n: usize) -> PyResult<Vec<String>> {
    kernels::count();
    let mut v = room(n)?;
    v.extend((0..n as u64).map(|i| kernels::text(k, i)));
    Ok(v)
}

// ---- maps and rows

#[pyfunction]
pub fn map_in(k: u64, map: HashMap<PyBackedStr, i64>) -> u64 {
    let pairs: Vec<_> =
        map.iter().map(|(key, &value)| Pair { key: key.as_ptr().cast(), key_len: key.len() as u64, value }).collect();
    unsafe { kernels::bd_kernel_sum_pairs(k, pairs.as_ptr(), pairs.len() as u64) }
}

#[pyfunction]
pub fn map_out(k: u64, n: usize) -> PyResult<HashMap<String, i64>> {
    let values = seq_i64_out(k, n)?;
    let mut map = HashMap::new();
    map.try_reserve(n).map_err(|e| PyMemoryError::new_err(e.to_string()))?;
    map.extend(values.into_iter().enumerate().map(|(i, value)| (kernels::text(k, i as u64), value)));
    Ok(map)
}

#[pyfunction]
pub fn rows_in(k: u64, rows: Vec<(i64, f64, PyBackedStr)>) -> u64 {
    let rows: Vec<_> = rows
        .iter()
        .map(|(id, weight, name)| Row {
            id: *id,
            weight: *weight,
            name: name.as_ptr().cast(),
            name_len: name.len() as u64,
        })
        .collect();
    unsafe { kernels::bd_kernel_sum_rows(k, rows.as_ptr(), rows.len() as u64) }
}

#[pyfunction]
pub fn rows_out(k: u64, n: usize) -> PyResult<Vec<(i64, f64, String)>> {
    let ids = seq_i64_out(k, n)?;
    let mut rows = room(n)?;
    rows.extend(ids.into_iter().enumerate().map(|(i, id)| (id, id as f64, kernels::text(k, i as u64))));
    Ok(rows)
}
