/* The kernel library through SWIG, as its users write an interface: the libraries it comes with where they fit, typemaps where
 * they do not, directors for the virtual method. -builtin makes another module of the same text. */
%module(directors="1", threads="1") bdb_swig

/* threads="1" would release the GIL around every call: only where it is asked for. */
%nothread;

%begin %{
#define PY_SSIZE_T_CLEAN
%}
%{
#include "bd_kernels.hpp"
%}

%include <stdint.i>
%include <exception.i>
%include <std_string.i>
%include <std_vector.i>
%include <std_map.i>
%include <attribute.i>

/* ---- errors ------------------------------------------------------------------------------------------------------- */

%{
/* What Python raised, on its way through C++. */
class PythonError : public std::exception
{
	PyObject *type = nullptr, *value = nullptr, *traceback = nullptr;

      public:
	PythonError()
	{
		PyErr_Fetch(&type, &value, &traceback);
	}

	PythonError(PythonError &&o) noexcept
		: type(std::exchange(o.type, nullptr)), value(std::exchange(o.value, nullptr)),
		  traceback(std::exchange(o.traceback, nullptr))
	{
	}

	~PythonError() override
	{
		SWIG_PYTHON_THREAD_BEGIN_BLOCK;
		Py_XDECREF(type);
		Py_XDECREF(value);
		Py_XDECREF(traceback);
		SWIG_PYTHON_THREAD_END_BLOCK;
	}

	void restore()
	{
		PyErr_Restore(std::exchange(type, nullptr), std::exchange(value, nullptr),
			std::exchange(traceback, nullptr));
	}
};
%}

%exception {
	try {
		$action
	} catch (PythonError &e) {
		e.restore();
		SWIG_fail;
	} catch (const Swig::DirectorException &) { /* Python's error is set */
		SWIG_fail;
	}
	SWIG_CATCH_STDEXCEPT
}
%feature("director:except") {
	if ($error != NULL)
		throw Swig::DirectorMethodException();
}

/* ---- scalars ------------------------------------------------------------------------------------------------------ */

%inline %{
uint64_t spin_hold(uint64_t k, uint64_t steps)
{
	return bd_kernel_call(k, steps);
}
%}

%thread spin_release;
%inline %{
uint64_t spin_release(uint64_t k, uint64_t steps)
{
	return bd_kernel_call(k, steps);
}
%}

%rename(noargs) bd_kernel_tick;
%rename(plusone) bd_kernel_plusone;
uint64_t bd_kernel_tick();
int64_t bd_kernel_plusone(int64_t x);

#define ARGS_1(T) T a0
#define ARGS_2(T) ARGS_1(T), T a1
#define ARGS_3(T) ARGS_2(T), T a2
#define ARGS_4(T) ARGS_3(T), T a3
#define ARGS_6(T) ARGS_4(T), T a4, T a5
#define ARGS_8(T) ARGS_6(T), T a6, T a7
#define ARGS_16(T) ARGS_8(T), T a8, T a9, T a10, T a11, T a12, T a13, T a14, T a15
%define SCALARS(K)
%rename(i64_ ## K) bd_kernel_i64_ ## K;
%rename(f64_ ## K) bd_kernel_f64_ ## K;
%rename(bool_ ## K) bd_kernel_bool_ ## K;
int64_t bd_kernel_i64_ ## K(ARGS_ ## K(int64_t));
double bd_kernel_f64_ ## K(ARGS_ ## K(double));
bool bd_kernel_bool_ ## K(ARGS_ ## K(bool));
%enddef
SCALARS(1)
SCALARS(2)
SCALARS(3)
SCALARS(4)
SCALARS(6)
SCALARS(8)
SCALARS(16)

%feature("kwargs") keywords;
%feature("compactdefaultargs") keywords;
%rename(kwargs) keywords; /* wrappers have a parameter of that name */
%inline %{
int64_t keywords(int64_t k, int64_t a = 0, int64_t b = 0, int64_t c = 0)
{
	return bd_kernel_i64_4(k, a, b, c);
}
%}

/* ---- text, bytes, buffers ------------------------------------------------------------------------------------------ */

/* The interpreter's own UTF-8, not the copy of it that std_string.i makes. */
%typemap(in) std::string_view {
	if (!PyUnicode_Check($input))
		%argument_fail(SWIG_TypeError, "str", $symname, $argnum);
	Py_ssize_t size;
	const char *utf8 = PyUnicode_AsUTF8AndSize($input, &size);
	if (!utf8)
		SWIG_fail;
	$1 = std::string_view(utf8, static_cast<size_t>(size));
}

/* pybuffer.i would give the buffer back before it is used, and looks neither at formats nor at strides: without a GIL
 * another thread may resize it meanwhile. */
%typemap(in) (const char *data, size_t n) (Py_buffer view = Py_buffer()) {
	if (PyObject_GetBuffer($input, &view, PyBUF_CONTIG_RO) < 0)
		SWIG_fail;
	$1 = static_cast<char *>(view.buf);
	$2 = static_cast<size_t>(view.len);
}
%typemap(freearg) (const char *data, size_t n) {
	PyBuffer_Release(&view$argnum); /* nothing, where there is none */
}
%inline %{
uint64_t sum(uint64_t k, const char *data, size_t n)
{
	return bd_kernel_sum(k, data, n);
}
%}

%typemap(in) (const char *bytes, size_t n) {
	Py_ssize_t size;
	if (PyBytes_AsStringAndSize($input, &$1, &size) < 0)
		SWIG_fail;
	$2 = static_cast<size_t>(size);
}
%inline %{
uint64_t bytes_copy(uint64_t k, const char *bytes, size_t n)
{
	return bd::text_copy(k, std::string(bytes, n));
}

PyObject *bytes_out(uint64_t k, size_t n)
{
	PyObject *out = PyBytes_FromStringAndSize(NULL, static_cast<Py_ssize_t>(n));
	if (!out)
		throw PythonError();
	bd_kernel_fill(k, PyBytes_AS_STRING(out), n);
	return out;
}
%}

%{
static void doubles(PyObject *data, int flags, Py_buffer *view)
{
	if (PyObject_GetBuffer(data, view, flags | PyBUF_FORMAT) < 0)
		throw PythonError();
	if (view->ndim == 1 && view->itemsize == sizeof(double) && view->format && !strcmp(view->format, "d"))
		return;
	PyBuffer_Release(view);
	throw std::invalid_argument("expected a buffer of doubles with one dimension");
}
%}
%define DOUBLES(FLAGS)
	try {
		doubles($input, FLAGS, &view);
	} catch (PythonError &e) {
		e.restore();
		SWIG_fail;
	} catch (const std::invalid_argument &e) {
		SWIG_exception_fail(SWIG_TypeError, e.what());
	}
	$1 = static_cast<double *>(view.buf);
	$2 = static_cast<uint64_t>(view.shape[0]);
%enddef
%typemap(in) (const double *v, uint64_t n) (Py_buffer view = Py_buffer()) {
	DOUBLES(PyBUF_C_CONTIGUOUS)
}
%typemap(in) (const double *v, uint64_t n, int64_t stride_bytes) (Py_buffer view = Py_buffer()) {
	DOUBLES(PyBUF_STRIDES)
	$3 = view.strides[0];
}
%typemap(freearg) (const double *v, uint64_t n), (const double *v, uint64_t n, int64_t stride_bytes) {
	PyBuffer_Release(&view$argnum); /* nothing, where there is none */
}
%rename(sum_f64) bd_kernel_sum_f64;
%rename(sum_f64_strided) bd_kernel_sum_f64_strided;
double bd_kernel_sum_f64(const double *v, uint64_t n);
double bd_kernel_sum_f64_strided(const double *v, uint64_t n, int64_t stride_bytes);

/* ---- containers ---------------------------------------------------------------------------------------------------- */

/* Templates without a name: Python gets its own lists and dicts, as from every other binding, and no proxies for containers
 * of C++. What comes from a vector would be a tuple. */
%template() std::vector<int64_t>;
%template() std::vector<double>;
%template() std::vector<std::string>;
%template() std::pair<std::string, int64_t>;
%template() std::map<std::string, int64_t>;

%define LIST_OF(ITEM)
	$result = PyList_New(static_cast<Py_ssize_t>((&$1)->size()));
	for (size_t i = 0; $result && i < (&$1)->size(); i++) {
		PyObject *item = ITEM;
		if (!item) {
			Py_CLEAR($result);
			break;
		}
		PyList_SET_ITEM($result, static_cast<Py_ssize_t>(i), item);
	}
	if (!$result)
		SWIG_fail;
%enddef
%typemap(out, fragment="StdSequenceTraits") std::vector<int64_t>, std::vector<double>, std::vector<std::string> {
	LIST_OF(swig::from((*&$1)[i]))
}
%typemap(out) std::vector<bd::row> {
	LIST_OF(row_to_python((*&$1)[i]))
}
%typemap(out) std::vector<bd::Six> {
	LIST_OF(SWIG_NewPointerObj(new bd::Six((*&$1)[i]), $descriptor(bd::Six *), SWIG_POINTER_OWN))
}

/* SWIG has nothing for std::tuple. */
%{
static PyObject *row_to_python(const bd::row &row)
{
	const auto &[id, weight, name] = row;
	return Py_BuildValue("(Lds#)", static_cast<long long>(id), weight, name.data(),
		static_cast<Py_ssize_t>(name.size()));
}

static bd::row row_from_python(PyObject *row)
{
	long long id;
	double weight;
	const char *name;
	Py_ssize_t len;
	if (!PyTuple_Check(row))
		PyErr_SetString(PyExc_TypeError, "a row is a tuple (int, float, str)");
	else if (PyArg_ParseTuple(row, "Lds#", &id, &weight, &name, &len))
		return {id, weight, std::string(name, static_cast<size_t>(len))};
	throw PythonError();
}
%}
%typemap(in) const std::vector<bd::row> & (std::vector<bd::row> rows) {
	Py_ssize_t n = PySequence_Size($input);
	if (n < 0)
		SWIG_fail;
	try {
		rows.reserve(static_cast<size_t>(n));
		for (Py_ssize_t i = 0; i < n; i++) {
			swig::SwigVar_PyObject row = PySequence_GetItem($input, i);
			if (!row)
				throw PythonError();
			rows.push_back(row_from_python(row));
		}
	} catch (PythonError &e) {
		e.restore();
		SWIG_fail;
	}
	$1 = &rows;
}

/* ---- calls back ---------------------------------------------------------------------------------------------------- */

%{
/* A Python callable as std::function takes one; whoever calls it need not hold the GIL. */
struct PythonFunction {
	PyObject *f;

	uint64_t operator()(uint64_t x) const
	{
		SWIG_PYTHON_THREAD_BEGIN_BLOCK;
		swig::SwigVar_PyObject arg = PyLong_FromUnsignedLongLong(x);
		if (!arg)
			throw PythonError();
		swig::SwigVar_PyObject result = PyObject_CallFunctionObjArgs(f, (PyObject *)arg, NULL);
		if (!result)
			throw PythonError();
		uint64_t r = PyLong_AsUnsignedLongLong(result);
		if (r == static_cast<uint64_t>(-1) && PyErr_Occurred())
			throw PythonError();
		return r;
	}
};
%}
%typemap(in) const bd::function & (bd::function function) {
	if (!PyCallable_Check($input))
		%argument_fail(SWIG_TypeError, "callable", $symname, $argnum);
	function = PythonFunction{$input};
	$1 = &function;
}

%inline %{
uint64_t lookup(PyObject *obj, uint64_t k, uint64_t n)
{
	uint64_t values = 0;
	for (; n; n--) {
		swig::SwigVar_PyObject value = PyObject_GetAttrString(obj, "value");
		if (!value)
			throw PythonError();
		long long v = PyLong_AsLongLong(value);
		if (v == -1 && PyErr_Occurred())
			throw PythonError();
		values += static_cast<uint64_t>(v);
	}
	return static_cast<uint64_t>(bd_kernel_i64_2(static_cast<int64_t>(k), static_cast<int64_t>(values)));
}
%}

/* ---- the C++ library ----------------------------------------------------------------------------------------------- */

%thread bd::callback_foreign;
%rename("catch") bd::caught;

/* No int becomes a float because it is too large for the first overload. */
%typemap(typecheck, precedence=SWIG_TYPECHECK_DOUBLE) double x {
	$1 = PyFloat_Check($input);
}

%feature("director") bd::Walker;

%attribute(bd::Six, int64_t, total, total);
%feature("python:slot", "sq_length", functype="lenfunc") bd::Six::__len__;
%feature("python:slot", "sq_item", functype="ssizeargfunc") bd::Six::__getitem__;

namespace bd {

uint64_t text(uint64_t k, std::string_view s);
uint64_t text_copy(uint64_t k, const std::string &s);
uint64_t seq_i64_in(uint64_t k, const std::vector<int64_t> &v);
double seq_f64_in(const std::vector<double> &v);
uint64_t seq_str_in(uint64_t k, const std::vector<std::string> &v);
uint64_t map_in(uint64_t k, const std::map<std::string, int64_t> &map);
uint64_t rows_in(uint64_t k, const std::vector<bd::row> &rows);
std::vector<int64_t> seq_i64_out(uint64_t k, size_t n);
std::vector<double> seq_f64_out(uint64_t k, size_t n);
std::vector<std::string> seq_str_out(uint64_t k, size_t n);
std::map<std::string, int64_t> map_out(uint64_t k, size_t n);
std::vector<bd::row> rows_out(uint64_t k, size_t n);

uint64_t callback(const bd::function &f, uint64_t k, uint64_t n);
uint64_t callback_foreign(const bd::function &f, uint64_t k, uint64_t n);
uint64_t error(uint64_t depth);
uint64_t caught(const bd::function &f, uint64_t k);

int64_t overload(int64_t x);
double overload(double x);
int64_t overload(const std::string &utf8);

struct Six {
	int64_t a, b, c, d, e, f;
	Six(int64_t a_, int64_t b_, int64_t c_, int64_t d_, int64_t e_, int64_t f_);
	int64_t sum() const;
	int64_t total() const;
	int64_t operator()(int64_t x) const;
	bool operator==(const Six &o) const;
	bool operator!=(const Six &o) const;

	%extend {
		size_t __len__() const
		{
			return $self->size();
		}

		int64_t __getitem__(int64_t i) const
		{
#ifdef SWIGPYTHON_BUILTIN
			if (i < 0) /* counted from the end already, by the slot's caller */
				throw std::out_of_range("Six has six fields");
#endif
			return $self->at(i);
		}
	}
};
std::vector<bd::Six> six_batch(size_t n);

class Walker
{
      public:
	Walker();
	virtual ~Walker();
	virtual uint64_t step(uint64_t k);
};
uint64_t run_virtual(Walker &walker, uint64_t k, uint64_t n);

}
