/* The kernel library through pybind11, as its documentation writes bindings: functions and methods by their addresses, STL
 * casters, std::function for calls back, a trampoline for the virtual method; Python's own types only where the data must
 * not be copied. */
#include <pybind11/functional.h>
#include <pybind11/operators.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "bd_kernels.hpp"

namespace py = pybind11;
using namespace py::literals;

namespace
{

/* Any C-contiguous buffer, where it is. */
uint64_t sum(uint64_t k, const py::buffer &data)
{
	py::buffer_info info = data.request();
	if (!PyBuffer_IsContiguous(info.view(), 'C'))
		throw py::buffer_error("the buffer is not C-contiguous");
	return bd_kernel_sum(k, info.ptr, static_cast<uint64_t>(info.size * info.itemsize));
}

py::buffer_info doubles(const py::buffer &data)
{
	py::buffer_info info = data.request();
	if (info.ndim != 1 || !info.item_type_is_equivalent_to<double>())
		throw py::type_error("expected a buffer of doubles with one dimension");
	return info;
}

double sum_f64(const py::buffer &data)
{
	py::buffer_info info = doubles(data);
	if (info.size > 1 && info.strides[0] != info.itemsize)
		throw py::buffer_error("the buffer is not contiguous");
	return bd_kernel_sum_f64(static_cast<const double *>(info.ptr), static_cast<uint64_t>(info.size));
}

double sum_f64_strided(const py::buffer &data)
{
	py::buffer_info info = doubles(data);
	return bd_kernel_sum_f64_strided(static_cast<const double *>(info.ptr), static_cast<uint64_t>(info.size),
		info.strides[0]);
}

/* Filled where it is: a std::string would be one copy more. */
py::bytes bytes_out(uint64_t k, size_t n)
{
	py::bytes out(nullptr, n);
	bd_kernel_fill(k, PyBytes_AS_STRING(out.ptr()), n);
	return out;
}

uint64_t lookup(const py::object &obj, uint64_t k, uint64_t n)
{
	uint64_t values = 0;
	for (; n; n--)
		values += static_cast<uint64_t>(obj.attr("value").cast<int64_t>());
	return static_cast<uint64_t>(bd_kernel_i64_2(static_cast<int64_t>(k), static_cast<int64_t>(values)));
}

class PyWalker : public bd::Walker
{
      public:
	using bd::Walker::Walker;

	uint64_t step(uint64_t k) override
	{
		PYBIND11_OVERRIDE(uint64_t, bd::Walker, step, k);
	}
};

} // namespace

PYBIND11_MODULE(bdb_pybind11, m, py::mod_gil_not_used(), py::multiple_interpreters::per_interpreter_gil())
{
	m.def("spin_hold", &bd_kernel_call);
	m.def("spin_release", &bd_kernel_call, py::call_guard<py::gil_scoped_release>());
	m.def("sum", &sum);
	m.def("noargs", &bd_kernel_tick);
	m.def("plusone", &bd_kernel_plusone);
#define SCALARS(K)                            \
	m.def("i64_" #K, &bd_kernel_i64_##K); \
	m.def("f64_" #K, &bd_kernel_f64_##K); \
	m.def("bool_" #K, &bd_kernel_bool_##K);
	BD_KERNEL_COUNTS(SCALARS)
	m.def("kwargs", &bd_kernel_i64_4, "k"_a, "a"_a = 0, "b"_a = 0, "c"_a = 0);

	m.def("text", &bd::text);
	m.def("text_copy", &bd::text_copy);
	m.def("bytes_copy", [](uint64_t k, const py::bytes &b) { return bd::text_copy(k, b); });
	m.def("bytes_out", &bytes_out);
	m.def("seq_i64_in", &bd::seq_i64_in);
	m.def("seq_f64_in", &bd::seq_f64_in);
	m.def("seq_str_in", &bd::seq_str_in);
	m.def("seq_i64_out", &bd::seq_i64_out);
	m.def("seq_f64_out", &bd::seq_f64_out);
	m.def("seq_str_out", &bd::seq_str_out);
	m.def("map_in", &bd::map_in);
	m.def("map_out", &bd::map_out);
	m.def("rows_in", &bd::rows_in);
	m.def("rows_out", &bd::rows_out);
	m.def("sum_f64", &sum_f64);
	m.def("sum_f64_strided", &sum_f64_strided);

	/* None would be an empty std::function. */
	m.def("callback", &bd::callback, "f"_a.none(false), "k"_a, "n"_a);
	/* The caster of std::function takes the GIL for each call. */
	m.def("callback_foreign", &bd::callback_foreign, "f"_a.none(false), "k"_a, "n"_a,
		py::call_guard<py::gil_scoped_release>());
	m.def("error", &bd::error);
	m.def("catch", &bd::caught, "f"_a.none(false), "k"_a);
	m.def("overload", py::overload_cast<int64_t>(&bd::overload));
	/* double takes any int, be it too large for the first; std::string would take bytes. */
	m.def("overload", [](const py::int_ &) -> int64_t { throw std::overflow_error("int too large for int64_t"); });
	m.def("overload", py::overload_cast<double>(&bd::overload));
	m.def("overload", [](const py::str &s) { return bd::overload(static_cast<std::string>(s)); });
	m.def("lookup", &lookup);

	py::class_<bd::Six>(m, "Six")
		.def(py::init<int64_t, int64_t, int64_t, int64_t, int64_t, int64_t>())
		.def_readwrite("a", &bd::Six::a)
		.def_readwrite("b", &bd::Six::b)
		.def_readwrite("c", &bd::Six::c)
		.def_readwrite("d", &bd::Six::d)
		.def_readwrite("e", &bd::Six::e)
		.def_readwrite("f", &bd::Six::f)
		.def("sum", &bd::Six::sum)
		.def_property_readonly("total", &bd::Six::total)
		.def("__len__", [](const bd::Six &s) { return s.size(); })
		.def("__getitem__", &bd::Six::at)
		.def(
			"__iter__", [](const bd::Six &s) { return py::make_iterator(s.begin(), s.end()); },
			py::keep_alive<0, 1>())
		.def(py::self == py::self)
		.def("__call__", &bd::Six::operator());
	m.def("six_batch", &bd::six_batch);

	py::class_<bd::Walker, PyWalker>(m, "Walker").def(py::init<>()).def("step", &bd::Walker::step);
	m.def("run_virtual", &bd::run_virtual);
}
