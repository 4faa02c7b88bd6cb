/* The kernel library as a C++ library would be: standard containers, exceptions, classes. What the bindings for C++ wrap, all
 * of them the same functions, so that only the binding differs. Header only: it is compiled with the binding. */
#ifndef BD_KERNELS_HPP
#define BD_KERNELS_HPP

#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

extern "C" {
#include "bd_kernels.h"
}

namespace bd
{

constexpr uint64_t mask(uint64_t x)
{
	return x & BD_KERNEL_MASK;
}

/* ---- text, bytes, sequences ------------------------------------------------------------------------------------ */

inline uint64_t text(uint64_t k, std::string_view s)
{
	return bd_kernel_sum(k, s.data(), s.size());
}

inline uint64_t text_copy(uint64_t k, const std::string &s)
{
	return bd_kernel_sum(k, s.data(), s.size());
}

using row = std::tuple<int64_t, double, std::string>;

inline uint64_t seq_i64_in(uint64_t k, const std::vector<int64_t> &v)
{
	return bd_kernel_sum_i64(k, v.data(), v.size());
}

inline double seq_f64_in(const std::vector<double> &v)
{
	return bd_kernel_sum_f64(v.data(), v.size());
}

inline uint64_t seq_str_in(uint64_t k, const std::vector<std::string> &v)
{
	std::vector<const char *> text(v.size());
	std::vector<uint64_t> len(v.size());
	for (size_t i = 0; i < v.size(); i++) {
		text[i] = v[i].data();
		len[i] = v[i].size();
	}
	return bd_kernel_sum_texts(k, text.data(), len.data(), v.size());
}

inline uint64_t map_in(uint64_t k, const std::map<std::string, int64_t> &map)
{
	std::vector<bd_kernel_pair> pairs;
	pairs.reserve(map.size());
	for (const auto &[key, value] : map)
		pairs.push_back({key.data(), key.size(), value});
	return bd_kernel_sum_pairs(k, pairs.data(), pairs.size());
}

inline uint64_t rows_in(uint64_t k, const std::vector<row> &rows)
{
	std::vector<bd_kernel_row> plain;
	plain.reserve(rows.size());
	for (const auto &[id, weight, name] : rows)
		plain.push_back({id, weight, name.data(), name.size()});
	return bd_kernel_sum_rows(k, plain.data(), plain.size());
}

inline std::vector<int64_t> seq_i64_out(uint64_t k, size_t n)
{
	std::vector<int64_t> v(n);
	bd_kernel_fill_i64(k, v.data(), n);
	return v;
}

inline std::vector<double> seq_f64_out(uint64_t k, size_t n)
{
	std::vector<double> v(n);
	bd_kernel_fill_f64(k, v.data(), n);
	return v;
}

inline std::string text_of(uint64_t k, uint64_t i)
{
	char text[BD_KERNEL_TEXT];
	return {text, static_cast<size_t>(bd_kernel_text(k, i, text))};
}

/* Where the kernels that do the work are not counted, this one is: it fails, which is nobody's business here. */
inline void count()
{
	bd_kernel_fail(0);
}

inline std::vector<std::string> seq_str_out(uint64_t k, size_t n)
{
	std::vector<std::string> v;
	v.reserve(n);
	for (size_t i = 0; i < n; i++)
		v.push_back(text_of(k, i));
	count();
	return v;
}

inline std::map<std::string, int64_t> map_out(uint64_t k, size_t n)
{
	std::map<std::string, int64_t> map;
	for (size_t i = 0; i < n; i++)
		map.emplace(text_of(k, i), static_cast<int64_t>(mask(k + i)));
	count();
	return map;
}

inline std::vector<row> rows_out(uint64_t k, size_t n)
{
	std::vector<row> rows;
	rows.reserve(n);
	for (size_t i = 0; i < n; i++) {
		auto id = static_cast<int64_t>(mask(k + i));
		rows.emplace_back(id, static_cast<double>(id), text_of(k, i));
	}
	count();
	return rows;
}

/* ---- calls back, errors ---------------------------------------------------------------------------------------- */

/* A C++ callable as the kernels take one. Its exceptions may not pass through their frames, which are C: they wait in
 * `thrown`, whatever thread threw them, until the kernel is over. */
template <class F> class c_callback
{
	const F &f;
	std::exception_ptr thrown;

      public:
	explicit c_callback(const F &f_) : f(f_)
	{
	}

	static uint64_t call(void *arg, uint64_t x)
	{
		auto *self = static_cast<c_callback *>(arg);
		try {
			return mask(self->f(x)); /* never BD_KERNEL_STOP */
		} catch (...) {
			self->thrown = std::current_exception();
			return BD_KERNEL_STOP;
		}
	}

	uint64_t done(uint64_t x)
	{
		if (thrown)
			std::rethrow_exception(std::move(thrown));
		if (x == BD_KERNEL_STOP)
			throw std::runtime_error("no thread can be made");
		return x;
	}
};

using function = std::function<uint64_t(uint64_t)>;

inline uint64_t callback(const function &f, uint64_t k, uint64_t n)
{
	c_callback<function> back(f);
	return back.done(bd_kernel_callback(k, n, back.call, &back));
}

/* f is called on another thread: the caller may hold nothing that f wants. */
inline uint64_t callback_foreign(const function &f, uint64_t k, uint64_t n)
{
	c_callback<function> back(f);
	return back.done(bd_kernel_callback_foreign(k, n, back.call, &back));
}

/* Throws through that many frames. */
[[gnu::noinline]] inline uint64_t error(uint64_t depth)
{
	if (depth == 0) {
		count();
		throw std::invalid_argument("the kernel failed");
	}
	uint64_t r = error(depth - 1);
	__asm__ volatile("" : "+r"(r)); /* no tail call: frames are the point */
	return r;
}

/* What f gives, or k + 1 where it throws. */
inline uint64_t caught(const function &f, uint64_t k)
{
	auto instead = static_cast<uint64_t>(bd_kernel_i64_2(static_cast<int64_t>(k), 1));
	try {
		return f(k);
	} catch (const std::exception &) {
		return instead;
	}
}

/* ---- overloads ------------------------------------------------------------------------------------------------- */

inline int64_t overload(int64_t x)
{
	return bd_kernel_i64_2(x, 1);
}

inline double overload(double x)
{
	return bd_kernel_f64_2(x, 1);
}

inline int64_t overload(const std::string &utf8)
{
	int64_t n = 0;
	for (char c : utf8)
		n += (c & 0xc0) != 0x80; /* characters, not bytes */
	count();
	return n;
}

/* ---- classes --------------------------------------------------------------------------------------------------- */

struct Six {
	int64_t a, b, c, d, e, f;

	Six(int64_t a_, int64_t b_, int64_t c_, int64_t d_, int64_t e_, int64_t f_)
	    : a(a_), b(b_), c(c_), d(d_), e(e_), f(f_)
	{
	}

	int64_t sum() const
	{
		return bd_kernel_i64_6(a, b, c, d, e, f);
	}

	int64_t total() const /* what bindings show as a property */
	{
		return sum();
	}

	static constexpr size_t size()
	{
		return 6;
	}

	int64_t operator[](size_t i) const
	{
		constexpr int64_t Six::*fields[] = {&Six::a, &Six::b, &Six::c, &Six::d, &Six::e, &Six::f};
		return this->*fields[i];
	}

	int64_t at(int64_t i) const
	{
		if (i < 0) /* as Python counts from the end */
			i += static_cast<int64_t>(size());
		if (i < 0 || i >= static_cast<int64_t>(size()))
			throw std::out_of_range("Six has six fields");
		return (*this)[static_cast<size_t>(i)];
	}

	int64_t operator()(int64_t x) const
	{
		return static_cast<int64_t>((static_cast<uint64_t>(a) + static_cast<uint64_t>(x)) & BD_KERNEL_MASK);
	}

	bool operator==(const Six &o) const
	{
		return std::tie(a, b, c, d, e, f) == std::tie(o.a, o.b, o.c, o.d, o.e, o.f);
	}

	bool operator!=(const Six &o) const
	{
		return !(*this == o);
	}

	class iterator
	{
		const Six *six;
		size_t at;

	      public:
		using iterator_category = std::input_iterator_tag;
		using value_type = int64_t;
		using difference_type = std::ptrdiff_t;
		using pointer = const int64_t *;
		using reference = int64_t;

		iterator(const Six *six_, size_t at_) : six(six_), at(at_)
		{
		}

		int64_t operator*() const
		{
			return (*six)[at];
		}

		iterator &operator++()
		{
			at++;
			return *this;
		}

		bool operator==(const iterator &o) const
		{
			return at == o.at;
		}

		bool operator!=(const iterator &o) const
		{
			return at != o.at;
		}
	};

	iterator begin() const
	{
		return {this, 0};
	}

	iterator end() const
	{
		return {this, size()};
	}
};

inline std::vector<Six> six_batch(size_t n)
{
	std::vector<Six> batch;
	batch.reserve(n);
	for (size_t at = 0; at < n; at++) {
		auto i = static_cast<int64_t>(at);
		batch.emplace_back(i, i + 1, i + 2, i + 3, i + 4, i + 5);
	}
	count();
	return batch;
}

class Walker
{
      public:
	Walker() = default;
	Walker(const Walker &) = delete;
	Walker &operator=(const Walker &) = delete;
	virtual ~Walker() = default;

	virtual uint64_t step(uint64_t k)
	{
		return mask(k + 1);
	}
};

inline uint64_t run_virtual(Walker &walker, uint64_t k, uint64_t n)
{
	auto step = [&walker](uint64_t x) { return walker.step(x); };
	c_callback<decltype(step)> back(step);
	return back.done(bd_kernel_callback(k, n, back.call, &back));
}

} // namespace bd

#endif
