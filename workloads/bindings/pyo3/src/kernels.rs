//! bd_kernels.h, as far as it is called from here.
use std::ffi::{c_char, c_int, c_void};

/// What Python sees of a number.
pub const MASK: u64 = (1 << 30) - 1;
/// What a callback gives that failed.
pub const STOP: u64 = u64::MAX;
/// Bytes that bd_kernel_text may write.
pub const TEXT: usize = 24;

#[repr(C)]
pub struct Pair {
    pub key: *const c_char,
    pub key_len: u64,
    pub value: i64,
}

#[repr(C)]
pub struct Row {
    pub id: i64,
    pub weight: f64,
    pub name: *const c_char,
    pub name_len: u64,
}

pub type Callback = unsafe extern "C" fn(*mut c_void, u64) -> u64;

extern "C" {
    pub fn bd_kernel_call(x: u64, steps: u64) -> u64;
    pub fn bd_kernel_sum(x: u64, data: *const c_void, n: u64) -> u64;
    pub fn bd_kernel_tick() -> u64;
    pub fn bd_kernel_plusone(x: i64) -> i64;
    pub fn bd_kernel_sum_i64(x: u64, v: *const i64, n: u64) -> u64;
    pub fn bd_kernel_sum_f64(v: *const f64, n: u64) -> f64;
    pub fn bd_kernel_sum_f64_strided(v: *const f64, n: u64, stride_bytes: i64) -> f64;
    pub fn bd_kernel_sum_texts(x: u64, text: *const *const c_char, len: *const u64, n: u64) -> u64;
    pub fn bd_kernel_sum_pairs(x: u64, v: *const Pair, n: u64) -> u64;
    pub fn bd_kernel_sum_rows(x: u64, v: *const Row, n: u64) -> u64;
    pub fn bd_kernel_fill(x: u64, data: *mut c_void, n: u64);
    pub fn bd_kernel_fill_i64(x: u64, v: *mut i64, n: u64);
    pub fn bd_kernel_fill_f64(x: u64, v: *mut f64, n: u64);
    pub fn bd_kernel_text(x: u64, i: u64, out: *mut c_char) -> u64;
    pub fn bd_kernel_callback(x: u64, n: u64, f: Callback, arg: *mut c_void) -> u64;
    pub fn bd_kernel_callback_foreign(x: u64, n: u64, f: Callback, arg: *mut c_void) -> u64;
    pub fn bd_kernel_fail(depth: u64) -> c_int;
    pub fn bd_kernel_i64_2(a0: i64, a1: i64) -> i64;
    pub fn bd_kernel_i64_4(a0: i64, a1: i64, a2: i64, a3: i64) -> i64;
    pub fn bd_kernel_i64_6(a0: i64, a1: i64, a2: i64, a3: i64, a4: i64, a5: i64) -> i64;
}

/// One call that is counted, for work that is done on this side of the boundary.
pub fn count() {
    unsafe { bd_kernel_fail(0) };
}

/// The text of entry i.
pub fn text(x: u64, i: u64) -> String {
    let mut digits = [0u8; TEXT];
    let n = unsafe { bd_kernel_text(x, i, digits.as_mut_ptr().cast()) };
    String::from_utf8_lossy(&digits[..n as usize]).into_owned()
}
