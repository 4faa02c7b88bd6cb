//! Numbers in, a number out.
use pyo3::prelude::*;

use crate::kernels;

/// A function of one kernel: the arguments converted by their types, as every `#[pyfunction]` does.
macro_rules! scalar {
    ($name:ident, $kernel:ident, $type:ty, $($a:ident)+) => {
        #[pyfunction]
        pub fn $name($($a: $type),+) -> $type {
            extern "C" {
                fn $kernel($($a: $type),+) -> $type;
            }
            unsafe { $kernel($($a),+) }
        }
    };
}

scalar!(i64_1, bd_kernel_i64_1, i64, a);
scalar!(i64_2, bd_kernel_i64_2, i64, a b);
scalar!(i64_3, bd_kernel_i64_3, i64, a b c);
scalar!(i64_4, bd_kernel_i64_4, i64, a b c d);
scalar!(i64_6, bd_kernel_i64_6, i64, a b c d e f);
scalar!(i64_8, bd_kernel_i64_8, i64, a b c d e f g h);
scalar!(i64_16, bd_kernel_i64_16, i64, a b c d e f g h i j k l m n o p);
scalar!(f64_1, bd_kernel_f64_1, f64, a);
scalar!(f64_2, bd_kernel_f64_2, f64, a b);
scalar!(f64_3, bd_kernel_f64_3, f64, a b c);
scalar!(f64_4, bd_kernel_f64_4, f64, a b c d);
scalar!(f64_6, bd_kernel_f64_6, f64, a b c d e f);
scalar!(f64_8, bd_kernel_f64_8, f64, a b c d e f g h);
scalar!(f64_16, bd_kernel_f64_16, f64, a b c d e f g h i j k l m n o p);
scalar!(bool_1, bd_kernel_bool_1, bool, a);
scalar!(bool_2, bd_kernel_bool_2, bool, a b);
scalar!(bool_3, bd_kernel_bool_3, bool, a b c);
scalar!(bool_4, bd_kernel_bool_4, bool, a b c d);
scalar!(bool_6, bd_kernel_bool_6, bool, a b c d e f);
scalar!(bool_8, bd_kernel_bool_8, bool, a b c d e f g h);
scalar!(bool_16, bd_kernel_bool_16, bool, a b c d e f g h i j k l m n o p);

#[pyfunction]
pub fn noargs() -> u64 {
    unsafe { kernels::bd_kernel_tick() }
}

#[pyfunction]
pub fn plusone(x: i64) -> i64 {
    unsafe { kernels::bd_kernel_plusone(x) }
}

#[pyfunction]
#[pyo3(signature = (k, a = 0, b = 0, c = 0))]
pub fn kwargs(k: i64, a: i64, b: i64, c: i64) -> i64 {
    unsafe { kernels::bd_kernel_i64_4(k, a, b, c) }
}

#[pyfunction]
pub fn spin_hold(k: u64, steps: u64) -> u64 {
    unsafe { kernels::bd_kernel_call(k, steps) }
}

#[pyfunction]
pub fn spin_release(py: Python<'_>, k: u64, steps: u64) -> u64 {
    py.detach(|| unsafe { kernels::bd_kernel_call(k, steps) })
}
