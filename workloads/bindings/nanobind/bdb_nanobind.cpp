/* The kernel library through nanobind, as its documentation writes bindings: functions and methods by their addresses, STL
 * casters, std::function for calls back, a trampoline for the virtual method, nb::ndarray for what must not be copied. */
#include <nanobind/make_iterator.h>
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/operators.h>
#include <nanobind/stl/function.h>
#include <nanobind/stl/map.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>
#include <nanobind/trampoline.h>

#include "bd_kernels.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace
{

/* Where it is: with .noconvert() the caster refuses what it would have to copy. */
using any_array = nb::ndarray<nb::ro, nb::c_contig, nb::device::cpu>;
using doubles = nb::ndarray<const double, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using strided_doubles = nb::ndarray<const double, nb::ndim<1>, nb::device::cpu>;

uint64_t sum(uint64_t k, const any_array &data)
{
	return bd_kernel_sum(k, data.data(), data.nbytes());
}

double sum_f64(const doubles &data)
{
	return bd_kernel_sum_f64(data.data(), data.size());
}

double sum_f64_strided(const strided_doubles &data)
{
	return bd_kernel_sum_f64_strided(data.data(), data.size(),
		data.stride(0) * static_cast<int64_t>(sizeof(double)));
}

/* Filled where it is: a std::string would be one copy more. */
nb::bytes bytes_out(uint64_t k, size_t n)
{
	nb::bytes out(nullptr, n);
	bd_kernel_fill(k, PyBytes_AS_STRING(out.ptr()), n);
	return out;
}

uint64_t lookup(nb::handle obj, uint64_t k, uint64_t n)
{
	uint64_t values = 0;
	for (; n; n--)
		values += static_cast<uint64_t>(nb::cast<int64_t>(obj.attr("value")));
	return static_cast<uint64_t>(bd_kernel_i64_2(static_cast<int64_t>(k), static_cast<int64_t>(values)));
}

class PyWalker : public bd::Walker
{
      public:
	NB_TRAMPOLINE(bd::Walker);

	uint64_t step(uint64_t k) override
	{
		NB_OVERRIDE(step, k);
	}
};

} // namespace

NB_MODULE(bdb_nanobind, m)
{
	/* What is alive when the interpreter ends is the worker's own; leaks are found by counting. */
	nb::set_leak_warnings(false);

	m.def("spin_hold", &bd_kernel_call);
	m.def("spin_release", &bd_kernel_call, nb::call_guard<nb::gil_scoped_release>());
	m.def("sum", &sum, nb::arg(), nb::arg().noconvert());
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
	m.def("bytes_copy", [](uint64_t k, const nb::bytes &b) { return bd::text_copy(k, {b.c_str(), b.size()}); });
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
	m.def("sum_f64", &sum_f64, nb::arg().noconvert());
	m.def("sum_f64_strided", &sum_f64_strided, nb::arg().noconvert());

	m.def("callback", &bd::callback);
	/* The caster of std::function takes the GIL for each call. */
	m.def("callback_foreign", &bd::callback_foreign, nb::call_guard<nb::gil_scoped_release>());
	m.def("error", &bd::error);
	m.def("catch", &bd::caught);
	m.def("overload", nb::overload_cast<int64_t>(&bd::overload));
	/* No int becomes a float because it is too large for the first. */
	m.def("overload", nb::overload_cast<double>(&bd::overload), nb::arg().noconvert());
	m.def("overload", nb::overload_cast<const std::string &>(&bd::overload));
	m.def("lookup", &lookup);

	nb::class_<bd::Six>(m, "Six")
		.def(nb::init<int64_t, int64_t, int64_t, int64_t, int64_t, int64_t>())
		.def_rw("a", &bd::Six::a)
		.def_rw("b", &bd::Six::b)
		.def_rw("c", &bd::Six::c)
		.def_rw("d", &bd::Six::d)
		.def_rw("e", &bd::Six::e)
		.def_rw("f", &bd::Six::f)
		.def("sum", &bd::Six::sum)
		.def_prop_ro("total", &bd::Six::total)
		.def("__len__", [](const bd::Six &s) { return s.size(); })
		.def("__getitem__", &bd::Six::at)
		.def(
			"__iter__",
			[](const bd::Six &s) {
				return nb::make_iterator(nb::type<bd::Six>(), "iterator", s.begin(), s.end());
			},
			nb::keep_alive<0, 1>())
		.def(nb::self == nb::self)
		.def("__call__", &bd::Six::operator());
	m.def("six_batch", &bd::six_batch);

	nb::class_<bd::Walker, PyWalker>(m, "Walker").def(nb::init<>()).def("step", &bd::Walker::step);
	m.def("run_virtual", &bd::run_virtual);
}
