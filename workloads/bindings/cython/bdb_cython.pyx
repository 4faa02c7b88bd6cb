# cython: language_level=3, freethreading_compatible=True
# cython: c_string_type=unicode
# cython: c_string_encoding=utf8
"""The kernel library through Cython: functions of Python whose arguments have C types."""
from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.unicode cimport PyUnicode_AsUTF8AndSize
from cython.operator cimport dereference, preincrement
from libc.stdint cimport INT64_MAX, int64_t, uint64_t
from libcpp.string cimport string
from libcpp.unordered_map cimport unordered_map
from libcpp.vector cimport vector

from kernels cimport *


def spin_hold(uint64_t k, uint64_t steps):
    return bd_kernel_call(k, steps)


def spin_release(uint64_t k, uint64_t steps):
    with nogil:
        k = bd_kernel_call(k, steps)
    return k


def noargs():
    return bd_kernel_tick()


def plusone(int64_t x):
    return bd_kernel_plusone(x)


def kwargs(int64_t k, int64_t a=0, int64_t b=0, int64_t c=0):
    return bd_kernel_i64_4(k, a, b, c)


def i64_1(int64_t a):
    return bd_kernel_i64_1(a)


def i64_2(int64_t a, int64_t b):
    return bd_kernel_i64_2(a, b)


def i64_3(int64_t a, int64_t b, int64_t c):
    return bd_kernel_i64_3(a, b, c)


def i64_4(int64_t a, int64_t b, int64_t c, int64_t d):
    return bd_kernel_i64_4(a, b, c, d)


def i64_6(int64_t a, int64_t b, int64_t c, int64_t d, int64_t e, int64_t f):
    return bd_kernel_i64_6(a, b, c, d, e, f)


def i64_8(int64_t a, int64_t b, int64_t c, int64_t d, int64_t e, int64_t f, int64_t g, int64_t h):
    return bd_kernel_i64_8(a, b, c, d, e, f, g, h)


def i64_16(int64_t a, int64_t b, int64_t c, int64_t d, int64_t e, int64_t f, int64_t g, int64_t h, int64_t i, int64_t j,
           int64_t k, int64_t l, int64_t m, int64_t n, int64_t o, int64_t p):
    return bd_kernel_i64_16(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p)


def f64_1(double a):
    return bd_kernel_f64_1(a)


def f64_2(double a, double b):
    return bd_kernel_f64_2(a, b)


def f64_3(double a, double b, double c):
    return bd_kernel_f64_3(a, b, c)


def f64_4(double a, double b, double c, double d):
    return bd_kernel_f64_4(a, b, c, d)


def f64_6(double a, double b, double c, double d, double e, double f):
    return bd_kernel_f64_6(a, b, c, d, e, f)


def f64_8(double a, double b, double c, double d, double e, double f, double g, double h):
    return bd_kernel_f64_8(a, b, c, d, e, f, g, h)


def f64_16(double a, double b, double c, double d, double e, double f, double g, double h, double i, double j, double k,
           double l, double m, double n, double o, double p):
    return bd_kernel_f64_16(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p)


def bool_1(bint a):
    return bd_kernel_bool_1(a)


def bool_2(bint a, bint b):
    return bd_kernel_bool_2(a, b)


def bool_3(bint a, bint b, bint c):
    return bd_kernel_bool_3(a, b, c)


def bool_4(bint a, bint b, bint c, bint d):
    return bd_kernel_bool_4(a, b, c, d)


def bool_6(bint a, bint b, bint c, bint d, bint e, bint f):
    return bd_kernel_bool_6(a, b, c, d, e, f)


def bool_8(bint a, bint b, bint c, bint d, bint e, bint f, bint g, bint h):
    return bd_kernel_bool_8(a, b, c, d, e, f, g, h)


def bool_16(bint a, bint b, bint c, bint d, bint e, bint f, bint g, bint h, bint i, bint j, bint k, bint l, bint m, bint n,
            bint o, bint p):
    return bd_kernel_bool_16(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p)

# ---- texts and bytes

def text(uint64_t k, str s not None):
    cdef Py_ssize_t n
    cdef const char *data = PyUnicode_AsUTF8AndSize(s, &n)
    return bd_kernel_sum(k, data, n)


def text_copy(uint64_t k, string s):
    return bd_kernel_sum(k, s.data(), s.size())


def bytes_copy(uint64_t k, bytes b not None):
    cdef string own = b
    return bd_kernel_sum(k, own.data(), own.size())


def bytes_out(uint64_t k, Py_ssize_t n):
    if n < 0:
        raise ValueError("n is negative")
    cdef bytes out = PyBytes_FromStringAndSize(NULL, n)
    bd_kernel_fill(k, PyBytes_AS_STRING(out), n)
    return out


# ---- buffers, borrowed

def sum(uint64_t k, data):
    cdef Py_buffer view
    PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
    k = bd_kernel_sum(k, view.buf, view.len)
    PyBuffer_Release(&view)
    return k


def sum_f64(const double[::1] data not None):
    return bd_kernel_sum_f64(&data[0] if data.shape[0] else NULL, data.shape[0])


def sum_f64_strided(const double[:] data not None):
    return bd_kernel_sum_f64_strided(&data[0] if data.shape[0] else NULL, data.shape[0], data.strides[0])


# ---- sequences, maps, rows: the containers of C++, which Cython converts

def seq_i64_in(uint64_t k, vector[int64_t] seq):
    return bd_kernel_sum_i64(k, seq.data(), seq.size())


def seq_f64_in(vector[double] seq):
    return bd_kernel_sum_f64(seq.data(), seq.size())


def seq_str_in(uint64_t k, vector[string] seq):
    cdef vector[const char *] text
    cdef vector[uint64_t] length
    text.reserve(seq.size())
    length.reserve(seq.size())
    for i in range(seq.size()):
        text.push_back(seq[i].data())
        length.push_back(seq[i].size())
    return bd_kernel_sum_texts(k, text.data(), length.data(), seq.size())


cdef vector[int64_t] numbers(uint64_t k, size_t n) except *:
    cdef vector[int64_t] v
    v.resize(n)
    bd_kernel_fill_i64(k, v.data(), n)
    return v


cdef string digits(uint64_t k, uint64_t i) except *:
    cdef char out[24]
    return string(<const char *>out, <size_t>bd_kernel_text(k, i, out))


def seq_i64_out(uint64_t k, size_t n):
    return numbers(k, n)


def seq_f64_out(uint64_t k, size_t n):
    cdef vector[double] v
    v.resize(n)
    bd_kernel_fill_f64(k, v.data(), n)
    return v


def seq_str_out(uint64_t k, size_t n):
    cdef vector[string] v
    bd_kernel_fail(0)
    v.reserve(n)
    for i in range(n):
        v.push_back(digits(k, i))
    return v


def map_in(uint64_t k, unordered_map[string, int64_t] map):
    cdef vector[bd_kernel_pair] pairs
    cdef bd_kernel_pair pair
    cdef unordered_map[string, int64_t].iterator at = map.begin()
    pairs.reserve(map.size())
    while at != map.end():  # `for entry in map` would hand out copies, whose texts are gone
        pair.key = dereference(at).first.data()
        pair.key_len = dereference(at).first.size()
        pair.value = dereference(at).second
        pairs.push_back(pair)
        preincrement(at)
    return bd_kernel_sum_pairs(k, pairs.data(), pairs.size())


def map_out(uint64_t k, size_t n):
    cdef vector[int64_t] values = numbers(k, n)
    cdef unordered_map[string, int64_t] map
    map.reserve(n)
    for i in range(n):
        map[digits(k, i)] = values[i]
    return map


def rows_in(uint64_t k, rows):
    cdef vector[bd_kernel_row] v
    cdef vector[string] names
    cdef bd_kernel_row row
    for identity, weight, name in rows:
        row.id = identity
        row.weight = weight
        v.push_back(row)
        names.push_back(name)
    for i in range(v.size()):  # not before: the names move while there are more to come
        v[i].name = names[i].data()
        v[i].name_len = names[i].size()
    return bd_kernel_sum_rows(k, v.data(), v.size())


def rows_out(uint64_t k, size_t n):
    cdef vector[int64_t] v = numbers(k, n)
    cdef size_t i
    return [(v[i], <double>v[i], digits(k, i)) for i in range(n)]


# ---- calls back, errors

cdef class _Target:
    """A Python function as the kernel library calls it, and how it failed."""
    cdef object function, error

    def __init__(self, function):
        self.function = function

    cdef result(self, uint64_t x):
        if self.error is not None:
            raise self.error
        if x == BD_KERNEL_STOP:
            raise RuntimeError("no thread could be made")
        return x


cdef uint64_t call_attached(void *arg, uint64_t x) noexcept:
    cdef _Target target = <_Target>arg
    try:
        return <uint64_t>target.function(x) & BD_KERNEL_MASK
    except BaseException as e:
        target.error = e
        return BD_KERNEL_STOP


cdef uint64_t call_foreign(void *arg, uint64_t x) noexcept with gil:
    return call_attached(arg, x)


def callback(f, uint64_t k, uint64_t n):
    cdef _Target target = _Target(f)
    return target.result(bd_kernel_callback(k, n, call_attached, <void *>target))


def callback_foreign(f, uint64_t k, uint64_t n):
    cdef _Target target = _Target(f)
    cdef void *arg = <void *>target
    with nogil:
        k = bd_kernel_callback_foreign(k, n, call_foreign, arg)
    return target.result(k)


cdef int fail(uint64_t depth) except -1:
    if depth == 0:
        if bd_kernel_fail(0) < 0:
            raise ValueError("the kernel library refused")
        return 0
    return fail(depth - 1) + 1


def error(uint64_t depth):
    return fail(depth)


def catch(f, int64_t k):
    cdef int64_t next = bd_kernel_i64_2(k, 1)
    try:
        result = f(k)
    except BaseException:
        return next
    return <int64_t>result


# ---- overloads, attributes

ctypedef fused scalar:
    int64_t
    double
    str


def overload(scalar x):
    bd_kernel_fail(0)
    if scalar is int64_t:
        if x == INT64_MAX:
            raise OverflowError("x + 1 does not fit")
        return x + 1
    elif scalar is double:
        return x + 1
    else:
        return len(x)


def lookup(obj, int64_t k, uint64_t n):
    cdef uint64_t total = 0
    cdef int64_t value
    for _ in range(n):
        value = obj.value
        total += <uint64_t>value
    return bd_kernel_i64_2(k, <int64_t>total)


# ---- classes

cdef class Six:
    cdef public int64_t a, b, c, d, e, f

    def __init__(self, int64_t a, int64_t b, int64_t c, int64_t d, int64_t e, int64_t f):
        self.a, self.b, self.c, self.d, self.e, self.f = a, b, c, d, e, f

    def sum(self):
        return bd_kernel_i64_6(self.a, self.b, self.c, self.d, self.e, self.f)

    @property
    def total(self):
        return bd_kernel_i64_6(self.a, self.b, self.c, self.d, self.e, self.f)

    def __len__(self):
        return 6

    def __getitem__(self, Py_ssize_t index):
        if index < 0:
            index += 6
        if index == 0:
            return self.a
        if index == 1:
            return self.b
        if index == 2:
            return self.c
        if index == 3:
            return self.d
        if index == 4:
            return self.e
        if index == 5:
            return self.f
        raise IndexError("index out of range")

    def __iter__(self):
        return iter((self.a, self.b, self.c, self.d, self.e, self.f))

    def __eq__(self, other):
        if not isinstance(other, Six):
            return NotImplemented
        cdef Six o = other
        return (self.a == o.a and self.b == o.b and self.c == o.c and self.d == o.d and self.e == o.e and self.f == o.f)

    def __call__(self, int64_t x):
        return (<uint64_t>self.a + <uint64_t>x) & BD_KERNEL_MASK


def six_batch(int64_t n):
    cdef list batch = []
    cdef Six six
    cdef int64_t i
    for i in range(n):
        six = Six.__new__(Six)  # without the arguments' way through Python
        six.a, six.b, six.c, six.d, six.e, six.f = i, i + 1, i + 2, i + 3, i + 4, i + 5
        batch.append(six)
    bd_kernel_fail(0)
    return batch


cdef class Walker:
    cpdef uint64_t step(self, uint64_t k) except? 0xffffffffffffffff:
        return (k + 1) & BD_KERNEL_MASK


def run_virtual(Walker obj not None, uint64_t k, uint64_t n):
    for _ in range(n):
        k = obj.step(k)
    bd_kernel_fail(0)
    return k
