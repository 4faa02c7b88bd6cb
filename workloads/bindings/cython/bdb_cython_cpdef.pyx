# cython: language_level=3, freethreading_compatible=True
"""The same as cpdef functions: callable from C as well, so that their results have C types too. What takes Python's
objects, memoryviews or C++'s containers would be no other than in bdb_cython, and is only there."""
from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.unicode cimport PyUnicode_AsUTF8AndSize
from libc.stdint cimport int64_t, uint64_t

from kernels cimport *


cpdef uint64_t spin_hold(uint64_t k, uint64_t steps) noexcept:
    return bd_kernel_call(k, steps)


cpdef uint64_t spin_release(uint64_t k, uint64_t steps) noexcept:
    with nogil:
        k = bd_kernel_call(k, steps)
    return k


cpdef uint64_t noargs() noexcept:
    return bd_kernel_tick()


cpdef int64_t plusone(int64_t x) noexcept:
    return bd_kernel_plusone(x)


cpdef int64_t kwargs(int64_t k, int64_t a=0, int64_t b=0, int64_t c=0) noexcept:
    return bd_kernel_i64_4(k, a, b, c)


cpdef int64_t i64_1(int64_t a) noexcept:
    return bd_kernel_i64_1(a)


cpdef int64_t i64_2(int64_t a, int64_t b) noexcept:
    return bd_kernel_i64_2(a, b)


cpdef int64_t i64_3(int64_t a, int64_t b, int64_t c) noexcept:
    return bd_kernel_i64_3(a, b, c)


cpdef int64_t i64_4(int64_t a, int64_t b, int64_t c, int64_t d) noexcept:
    return bd_kernel_i64_4(a, b, c, d)


cpdef int64_t i64_6(int64_t a, int64_t b, int64_t c, int64_t d, int64_t e, int64_t f) noexcept:
    return bd_kernel_i64_6(a, b, c, d, e, f)


cpdef int64_t i64_8(int64_t a, int64_t b, int64_t c, int64_t d, int64_t e, int64_t f, int64_t g, int64_t h) noexcept:
    return bd_kernel_i64_8(a, b, c, d, e, f, g, h)


cpdef int64_t i64_16(int64_t a, int64_t b, int64_t c, int64_t d, int64_t e, int64_t f, int64_t g, int64_t h, int64_t i,
                     int64_t j, int64_t k, int64_t l, int64_t m, int64_t n, int64_t o, int64_t p) noexcept:
    return bd_kernel_i64_16(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p)


cpdef double f64_1(double a) noexcept:
    return bd_kernel_f64_1(a)


cpdef double f64_2(double a, double b) noexcept:
    return bd_kernel_f64_2(a, b)


cpdef double f64_3(double a, double b, double c) noexcept:
    return bd_kernel_f64_3(a, b, c)


cpdef double f64_4(double a, double b, double c, double d) noexcept:
    return bd_kernel_f64_4(a, b, c, d)


cpdef double f64_6(double a, double b, double c, double d, double e, double f) noexcept:
    return bd_kernel_f64_6(a, b, c, d, e, f)


cpdef double f64_8(double a, double b, double c, double d, double e, double f, double g, double h) noexcept:
    return bd_kernel_f64_8(a, b, c, d, e, f, g, h)


cpdef double f64_16(double a, double b, double c, double d, double e, double f, double g, double h, double i, double j,
                    double k, double l, double m, double n, double o, double p) noexcept:
    return bd_kernel_f64_16(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p)


cpdef bint bool_1(bint a) noexcept:
    return bd_kernel_bool_1(a)


cpdef bint bool_2(bint a, bint b) noexcept:
    return bd_kernel_bool_2(a, b)


cpdef bint bool_3(bint a, bint b, bint c) noexcept:
    return bd_kernel_bool_3(a, b, c)


cpdef bint bool_4(bint a, bint b, bint c, bint d) noexcept:
    return bd_kernel_bool_4(a, b, c, d)


cpdef bint bool_6(bint a, bint b, bint c, bint d, bint e, bint f) noexcept:
    return bd_kernel_bool_6(a, b, c, d, e, f)


cpdef bint bool_8(bint a, bint b, bint c, bint d, bint e, bint f, bint g, bint h) noexcept:
    return bd_kernel_bool_8(a, b, c, d, e, f, g, h)


cpdef bint bool_16(bint a, bint b, bint c, bint d, bint e, bint f, bint g, bint h, bint i, bint j, bint k, bint l, bint m,
                   bint n, bint o, bint p) noexcept:
    return bd_kernel_bool_16(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p)

cpdef uint64_t text(uint64_t k, str s) except? 0xffffffffffffffff:
    cdef Py_ssize_t n
    cdef const char *data = PyUnicode_AsUTF8AndSize(s, &n)
    return bd_kernel_sum(k, data, n)


cpdef uint64_t sum(uint64_t k, object data) except? 0xffffffffffffffff:
    cdef Py_buffer view
    PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
    k = bd_kernel_sum(k, view.buf, view.len)
    PyBuffer_Release(&view)
    return k
