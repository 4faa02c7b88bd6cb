//! The kernel library through PyO3.
use pyo3::prelude::*;

mod calls;
mod classes;
mod kernels;
mod scalars;
mod values;

// Named as its file is.
#[cfg_attr(not(feature = "abi3"), pymodule(gil_used = false))]
#[cfg_attr(feature = "abi3", pymodule(name = "bdb_pyo3_abi3", gil_used = false))]
mod bdb_pyo3 {
    #[pymodule_export]
    use crate::calls::{callback, callback_foreign, catch, error, lookup, overload};
    #[pymodule_export]
    use crate::classes::{run_virtual, six_batch, Six, Walker};
    #[pymodule_export]
    use crate::scalars::{
        bool_1, bool_16, bool_2, bool_3, bool_4, bool_6, bool_8, f64_1, f64_16, f64_2, f64_3, f64_4, f64_6, f64_8,
        i64_1, i64_16, i64_2, i64_3, i64_4, i64_6, i64_8, kwargs, noargs, plusone, spin_hold, spin_release,
    };
    #[pymodule_export]
    use crate::values::{
        bytes_copy, bytes_out, map_in, map_out, rows_in, rows_out, seq_f64_in, seq_f64_out, seq_i64_in, seq_i64_out,
        seq_str_in, seq_str_out, sum, sum_f64, sum_f64_strided, text, text_copy,
    };
}
