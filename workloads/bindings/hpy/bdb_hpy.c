/* The kernel library through HPy, compiled for CPython's own ABI. What HPy 0.9 has no way to say is missing: see hpy.py. */
#include <hpy.h>
#include <stdlib.h>
#include <string.h>

#include "bd_kernels.h"

static HPyGlobal value_name, step_name, six_type, walker_type;

/* ---- arguments -------------------------------------------------------------------------------------------------- */

static int count_is(HPyContext *ctx, size_t n, size_t wanted)
{
	if (n == wanted)
		return 1;
	HPyErr_SetString(ctx, ctx->h_TypeError, "wrong number of arguments");
	return 0;
}

static int read_u64(HPyContext *ctx, HPy h, uint64_t *ret)
{
	*ret = HPyLong_AsUInt64_t(ctx, h);
	return *ret == UINT64_MAX && HPyErr_Occurred(ctx) ? -1 : 0;
}

static int read_i64(HPyContext *ctx, HPy h, int64_t *ret)
{
	*ret = HPyLong_AsInt64_t(ctx, h);
	return *ret == -1 && HPyErr_Occurred(ctx) ? -1 : 0;
}

static int read_f64(HPyContext *ctx, HPy h, double *ret)
{
	*ret = HPyFloat_AsDouble(ctx, h);
	return *ret == -1 && HPyErr_Occurred(ctx) ? -1 : 0;
}

static int read_bool(HPyContext *ctx, HPy h, bool *ret)
{
	int truth = HPy_IsTrue(ctx, h);
	*ret = truth > 0;
	return truth < 0 ? -1 : 0;
}

/* (k, n): a number, and how many elements to make. */
static int read_k_n(HPyContext *ctx, const HPy *args, size_t nargs, uint64_t *k, uint64_t *n)
{
	if (!count_is(ctx, nargs, 2) || read_u64(ctx, args[0], k) < 0)
		return -1;
	HPy_ssize_t size = HPyLong_AsSsize_t(ctx, args[1]);
	if (size < 0) {
		if (!HPyErr_Occurred(ctx))
			HPyErr_SetString(ctx, ctx->h_ValueError, "n is negative");
		return -1;
	}
	*n = (uint64_t)size;
	return 0;
}

/* Room for n elements, at least one; sets MemoryError. */
static void *room(HPyContext *ctx, uint64_t n, size_t size)
{
	void *p = calloc(n ? n : 1, size);
	if (!p)
		HPyErr_NoMemory(ctx);
	return p;
}

/* ---- scalars ---------------------------------------------------------------------------------------------------- */

#define LIST_1 a[0]
#define LIST_2 LIST_1, a[1]
#define LIST_3 LIST_2, a[2]
#define LIST_4 LIST_3, a[3]
#define LIST_6 LIST_4, a[4], a[5]
#define LIST_8 LIST_6, a[6], a[7]
#define LIST_16 LIST_8, a[8], a[9], a[10], a[11], a[12], a[13], a[14], a[15]
#define SCALAR(KIND, TYPE, K, TO_PYTHON)                                                                               \
	HPyDef_METH(KIND##_##K, #KIND "_" #K, HPyFunc_VARARGS) static HPy KIND##_##K##_impl(HPyContext *ctx, HPy self, \
		const HPy *args, size_t nargs)                                                                         \
	{                                                                                                              \
		(void)self;                                                                                            \
		TYPE a[K];                                                                                             \
		if (!count_is(ctx, nargs, K))                                                                          \
			return HPy_NULL;                                                                               \
		for (size_t i = 0; i < K; i++)                                                                         \
			if (read_##KIND(ctx, args[i], &a[i]) < 0)                                                      \
				return HPy_NULL;                                                                       \
		return TO_PYTHON(ctx, bd_kernel_##KIND##_##K(LIST_##K));                                               \
	}
#define I64(K) SCALAR(i64, int64_t, K, HPyLong_FromInt64_t)
#define F64(K) SCALAR(f64, double, K, HPyFloat_FromDouble)
#define BOOL(K) SCALAR(bool, bool, K, HPyBool_FromBool)
BD_KERNEL_COUNTS(I64)
BD_KERNEL_COUNTS(F64)
BD_KERNEL_COUNTS(BOOL)

HPyDef_METH(noargs, "noargs", HPyFunc_NOARGS) static HPy noargs_impl(HPyContext *ctx, HPy self)
{
	(void)self;
	return HPyLong_FromUInt64_t(ctx, bd_kernel_tick());
}

HPyDef_METH(plusone, "plusone", HPyFunc_O) static HPy plusone_impl(HPyContext *ctx, HPy self, HPy arg)
{
	(void)self;
	int64_t x;
	return read_i64(ctx, arg, &x) < 0 ? HPy_NULL : HPyLong_FromInt64_t(ctx, bd_kernel_plusone(x));
}

/* By hand: HPyArg_ParseKeywords takes arguments that there are not, and drops them. */
HPyDef_METH(kwargs, "kwargs", HPyFunc_KEYWORDS) static HPy
	kwargs_impl(HPyContext *ctx, HPy self, const HPy *args, size_t nargs, HPy names)
{
	(void)self;
	static const char *const keywords[4] = {"k", "a", "b", "c"};
	int64_t v[4] = {0};
	bool given[4] = {false};
	HPy_ssize_t n_names = HPy_IsNull(names) ? 0 : HPy_Length(ctx, names);
	if (nargs > 4)
		return HPyErr_SetString(ctx, ctx->h_TypeError, "too many arguments");
	for (size_t i = 0; i < nargs; i++) {
		if (read_i64(ctx, args[i], &v[i]) < 0)
			return HPy_NULL;
		given[i] = true;
	}
	for (HPy_ssize_t i = 0; i < n_names; i++) {
		HPy name = HPy_GetItem_i(ctx, names, i);
		const char *text = HPy_IsNull(name) ? NULL : HPyUnicode_AsUTF8AndSize(ctx, name, NULL);
		int at = 0;
		while (text && at < 4 && strcmp(text, keywords[at]) != 0)
			at++;
		if (!HPy_IsNull(name))
			HPy_Close(ctx, name);
		if (!text)
			return HPy_NULL;
		if (at == 4 || given[at])
			return HPyErr_SetString(ctx, ctx->h_TypeError, at == 4 ? "unknown keyword" : "given twice");
		if (read_i64(ctx, args[nargs + (size_t)i], &v[at]) < 0)
			return HPy_NULL;
		given[at] = true;
	}
	if (!given[0])
		return HPyErr_SetString(ctx, ctx->h_TypeError, "k is missing");
	return HPyLong_FromInt64_t(ctx, bd_kernel_i64_4(v[0], v[1], v[2], v[3]));
}

HPyDef_METH(spin_hold, "spin_hold", HPyFunc_VARARGS) static HPy
	spin_hold_impl(HPyContext *ctx, HPy self, const HPy *args, size_t nargs)
{
	(void)self;
	uint64_t k, steps;
	if (!count_is(ctx, nargs, 2) || read_u64(ctx, args[0], &k) < 0 || read_u64(ctx, args[1], &steps) < 0)
		return HPy_NULL;
	return HPyLong_FromUInt64_t(ctx, bd_kernel_call(k, steps));
}

HPyDef_METH(spin_release, "spin_release", HPyFunc_VARARGS) static HPy
	spin_release_impl(HPyContext *ctx, HPy self, const HPy *args, size_t nargs)
{
	(void)self;
	uint64_t k, steps;
	if (!count_is(ctx, nargs, 2) || read_u64(ctx, args[0], &k) < 0 || read_u64(ctx, args[1], &steps) < 0)
		return HPy_NULL;
	HPy_BEGIN_LEAVE_PYTHON(ctx);
	k = bd_kernel_call(k, steps);
	HPy_END_LEAVE_PYTHON(ctx);
	return HPyLong_FromUInt64_t(ctx, k);
}

/* ---- texts and bytes ---------------------------------------------------------------------------------------------- */

HPyDef_METH(text, "text", HPyFunc_VARARGS) static HPy
	text_impl(HPyContext *ctx, HPy self, const HPy *args, size_t nargs)
{
	(void)self;
	uint64_t k;
	HPy_ssize_t n;
	if (!count_is(ctx, nargs, 2) || read_u64(ctx, args[0], &k) < 0)
		return HPy_NULL;
	const char *data = HPyUnicode_AsUTF8AndSize(ctx, args[1], &n);
	return data ? HPyLong_FromUInt64_t(ctx, bd_kernel_sum(k, data, (uint64_t)n)) : HPy_NULL;
}

HPyDef_METH(text_copy, "text_copy", HPyFunc_VARARGS) static HPy
	text_copy_impl(HPyContext *ctx, HPy self, const HPy *args, size_t nargs)
{
	(void)self;
	uint64_t k;
	if (!count_is(ctx, nargs, 2) || read_u64(ctx, args[0], &k) < 0)
		return HPy_NULL;
	if (!HPyUnicode_Check(ctx, args[1])) {
		HPyErr_SetString(ctx, ctx->h_TypeError, "expected (k, str)");
		return HPy_NULL;
	}
	HPy copy = HPyUnicode_AsUTF8String(ctx, args[1]);
	if (HPy_IsNull(copy))
		return HPy_NULL;
	k = bd_kernel_sum(k, HPyBytes_AS_STRING(ctx, copy), (uint64_t)HPyBytes_GET_SIZE(ctx, copy));
	HPy_Close(ctx, copy);
	return HPyLong_FromUInt64_t(ctx, k);
}

HPyDef_METH(bytes_copy, "bytes_copy", HPyFunc_VARARGS) static HPy
	bytes_copy_impl(HPyContext *ctx, HPy self, const HPy *args, size_t nargs)
{
	(void)self;
	uint64_t k;
	if (!count_is(ctx, nargs, 2) || read_u64(ctx, args[0], &k) < 0)
		return HPy_NULL;
	if (!HPyBytes_Check(ctx, args[1])) {
		HPyErr_SetString(ctx, ctx->h_TypeError, "expected (k, bytes)");
		return HPy_NULL;
	}
	uint64_t n = (uint64_t)HPyBytes_GET_SIZE(ctx, args[1]);
	void *copy = room(ctx, n, 1);
	if (!copy)
		return HPy_NULL;
	memcpy(copy, HPyBytes_AS_STRING(ctx, args[1]), n);
	k = bd_kernel_sum(k, copy, n);
	free(copy);
	return HPyLong_FromUInt64_t(ctx, k);
}

/* A bytes object is made of what is there already: HPy has none to be filled. */
HPyDef_METH(bytes_out, "bytes_out", HPyFunc_VARARGS) static HPy
	bytes_out_impl(HPyContext *ctx, HPy self, const HPy *args, size_t nargs)
{
	(void)self;
	uint64_t k, n;
	if (read_k_n(ctx, args, nargs, &k, &n) < 0)
		return HPy_NULL;
	char *data = room(ctx, n, 1);
	if (!data)
		return HPy_NULL;
	bd_kernel_fill(k, data, n);
	HPy out = HPyBytes_FromStringAndSize(ctx, data, (HPy_ssize_t)n);
	free(data);
	return out;
}

/* ---- sequences, maps, rows ------------------------------------------------------------------------------------------ */

/* Reads element i, kept open in *keep where what was read points into it. */
struct reader {
	int (*element)(HPyContext *ctx, HPy element, void *out, HPy *keep);
	size_t size; /* of one element in the array */
	size_t keep; /* handles per element */
};

struct array {
	void *data;
	HPy *kept;
	uint64_t n, n_kept;
};

static void clear(HPyContext *ctx, struct array *a)
{
	for (uint64_t i = 0; i < a->n_kept; i++)
		if (!HPy_IsNull(a->kept[i]))
			HPy_Close(ctx, a->kept[i]);
	free(a->kept);
	free(a->data);
}

/* A list or tuple as a native array; to be cleared, whatever it gives. */
static int read_array(HPyContext *ctx, HPy seq, const struct reader *r, struct array *ret)
{
	HPy_ssize_t n = HPy_Length(ctx, seq);
	*ret = (struct array){0};
	if (n < 0)
		return -1;
	ret->data = room(ctx, (uint64_t)n, r->size);
	ret->kept = room(ctx, (uint64_t)n * r->keep, sizeof(HPy));
	if (!ret->data || !ret->kept)
		return -1;
	ret->n = (uint64_t)n;
	ret->n_kept = (uint64_t)n * r->keep;
	for (HPy_ssize_t i = 0; i < n; i++) {
		HPy element = HPy_GetItem_i(ctx, seq, i);
		if (HPy_IsNull(element))
			return -1;
		int failed = r->element(ctx, element, (char *)ret->data + (size_t)i * r->size,
			ret->kept + (size_t)i * r->keep);
		HPy_Close(ctx, element);
		if (failed)
			return -1;
	}
	return 0;
}

static int element_i64(HPyContext *ctx, HPy element, void *out, HPy *keep)
{
	(void)keep;
	return read_i64(ctx, element, out);
}

static int element_f64(HPyContext *ctx, HPy element, void *out, HPy *keep)
{
	(void)keep;
	return read_f64(ctx, element, out);
}

struct utf8 {
	const char *data;
	uint64_t len;
};

static int element_text(HPyContext *ctx, HPy element, void *out, HPy *keep)
{
	struct utf8 *text = out;
	HPy_ssize_t n;
	text->data = HPyUnicode_AsUTF8AndSize(ctx, element, &n);
	if (!text->data)
		return -1;
	text->len = (uint64_t)n;
	*keep = HPy_Dup(ctx, element);
	return 0;
}

static int element_row(HPyContext *ctx, HPy element, void *out, HPy *keep)
{
	struct bd_kernel_row *row = out;
	struct utf8 name = {0};
	HPy_ssize_t n = HPy_Length(ctx, element);
	if (n != 3) {
		if (n >= 0)
			HPyErr_SetString(ctx, ctx->h_ValueError, "a row has three fields");
		return -1;
	}
	int failed = 0;
	for (int i = 0; i < 3 && !failed; i++) {
		HPy field = HPy_GetItem_i(ctx, element, i);
		if (HPy_IsNull(field))
			return -1;
		failed = i == 0  ? read_i64(ctx, field, &row->id)
			: i == 1 ? read_f64(ctx, field, &row->weight)
				 : element_text(ctx, field, &name, keep);
		HPy_Close(ctx, field);
	}
	row->name = name.data;
	row->name_len = name.len;
	return failed;
}

static const struct reader read_ints = {element_i64, sizeof(int64_t), 0};
static const struct reader read_floats = {element_f64, sizeof(double), 0};
static const struct reader read_texts = {element_text, sizeof(struct utf8), 1};
static const struct reader read_rows = {element_row, sizeof(struct bd_kernel_row), 1};

HPyDef_METH(seq_i64_in, "seq_i64_in", HPyFunc_VARARGS) static HPy
	seq_i64_in_impl(HPyContext *ctx, HPy self, const HPy *args, size_t nargs)
{
	(void)self;
	uint64_t k;
	if (!count_is(ctx, nargs, 2) || read_u64(ctx, args[0], &k) < 0)
		return HPy_NULL;
	struct array a;
	int failed = read_array(ctx, args[1], &read_ints, &a);
	if (!failed)
		k = bd_kernel_sum_i64(k, a.data, a.n);
	clear(ctx, &a);
	return failed ? HPy_NULL : HPyLong_FromUInt64_t(ctx, k);
}

HPyDef_METH(seq_f64_in, "seq_f64_in", HPyFunc_O) static HPy seq_f64_in_impl(HPyContext *ctx, HPy self, HPy arg)
{
	(void)self;
	double sum = 0;
	struct array a;
	int failed = read_array(ctx, arg, &read_floats, &a);
	if (!failed)
		sum = bd_kernel_sum_f64(a.data, a.n);
	clear(ctx, &a);
	return failed ? HPy_NULL : HPyFloat_FromDouble(ctx, sum);
}

HPyDef_METH(seq_str_in, "seq_str_in", HPyFunc_VARARGS) static HPy
	seq_str_in_impl(HPyContext *ctx, HPy self, const HPy *args, size_t nargs)
{
	(void)self;
	uint64_t k;
	if (!count_is(ctx, nargs, 2) || read_u64(ctx, args[0], &k) < 0)
		return HPy_NULL;
	struct array a;
	int failed = read_array(ctx, args[1], &read_texts, &a);
	const char **data = room(ctx, a.n, sizeof *data);
	uint64_t *len = room(ctx, a.n, sizeof *len);
	failed = failed || !data || !len;
	if (!failed) {
		for (uint64_t i = 0; i < a.n; i++) {
			data[i] = ((struct utf8 *)a.data)[i].data;
			len[i] = ((struct utf8 *)a.data)[i].len;
		}
		k = bd_kernel_sum_texts(k, data, len, a.n);
	}
	free(data);
	free(len);
	clear(ctx, &a);
	return failed ? HPy_NULL : HPyLong_FromUInt64_t(ctx, k);
}

HPyDef_METH(rows_in, "rows_in", HPyFunc_VARARGS) static HPy
	rows_in_impl(HPyContext *ctx, HPy self, const HPy *args, size_t nargs)
{
	(void)self;
	uint64_t k;
	if (!count_is(ctx, nargs, 2) || read_u64(ctx, args[0], &k) < 0)
		return HPy_NULL;
	struct array a;
	int failed = read_array(ctx, args[1], &read_rows, &a);
	if (!failed)
		k = bd_kernel_sum_rows(k, a.data, a.n);
	clear(ctx, &a);
	return failed ? HPy_NULL : HPyLong_FromUInt64_t(ctx, k);
}

HPyDef_METH(map_in, "map_in", HPyFunc_VARARGS) static HPy
	map_in_impl(HPyContext *ctx, HPy self, const HPy *args, size_t nargs)
{
	(void)self;
	uint64_t k;
	if (!count_is(ctx, nargs, 2) || read_u64(ctx, args[0], &k) < 0)
		return HPy_NULL;
	if (!HPyDict_Check(ctx, args[1])) {
		HPyErr_SetString(ctx, ctx->h_TypeError, "expected (k, dict)");
		return HPy_NULL;
	}
	HPy names = HPyDict_Keys(ctx, args[1]);
	if (HPy_IsNull(names))
		return HPy_NULL;
	struct array a;
	int failed = read_array(ctx, names, &read_texts, &a);
	struct bd_kernel_pair *pairs = room(ctx, a.n, sizeof *pairs);
	failed = failed || !pairs;
	for (uint64_t i = 0; i < a.n && !failed; i++) {
		HPy value = HPy_GetItem(ctx, args[1], a.kept[i]);
		struct utf8 *key = (struct utf8 *)a.data + i;
		pairs[i] = (struct bd_kernel_pair){key->data, key->len, 0};
		failed = HPy_IsNull(value) || read_i64(ctx, value, &pairs[i].value) < 0;
		if (!HPy_IsNull(value))
			HPy_Close(ctx, value);
	}
	if (!failed)
		k = bd_kernel_sum_pairs(k, pairs, a.n);
	free(pairs);
	clear(ctx, &a);
	HPy_Close(ctx, names);
	return failed ? HPy_NULL : HPyLong_FromUInt64_t(ctx, k);
}

static HPy number_text(HPyContext *ctx, uint64_t k, uint64_t i)
{
	char text[BD_KERNEL_TEXT];
	return HPyUnicode_DecodeASCII(ctx, text, (HPy_ssize_t)bd_kernel_text(k, i, text), "strict");
}

/* A list of what make() gives for each of n elements. */
static HPy list_of(HPyContext *ctx, uint64_t n, HPy (*make)(HPyContext *ctx, const void *data, uint64_t k, uint64_t i),
	const void *data, uint64_t k)
{
	/* A builder that has no memory says so in the end only, which may be never. */
	void *possible = room(ctx, n, sizeof(void *));
	if (!possible)
		return HPy_NULL;
	free(possible);
	HPyListBuilder list = HPyListBuilder_New(ctx, (HPy_ssize_t)n);
	for (uint64_t i = 0; i < n; i++) {
		HPy element = make(ctx, data, k, i);
		if (HPy_IsNull(element)) {
			HPyListBuilder_Cancel(ctx, list);
			return HPy_NULL;
		}
		HPyListBuilder_Set(ctx, list, (HPy_ssize_t)i, element);
		HPy_Close(ctx, element);
	}
	return HPyListBuilder_Build(ctx, list);
}

static HPy make_i64(HPyContext *ctx, const void *data, uint64_t k, uint64_t i)
{
	(void)k;
	return HPyLong_FromInt64_t(ctx, ((const int64_t *)data)[i]);
}

static HPy make_f64(HPyContext *ctx, const void *data, uint64_t k, uint64_t i)
{
	(void)k;
	return HPyFloat_FromDouble(ctx, ((const double *)data)[i]);
}

static HPy make_text(HPyContext *ctx, const void *data, uint64_t k, uint64_t i)
{
	(void)data;
	return number_text(ctx, k, i);
}

static HPy make_row(HPyContext *ctx, const void *data, uint64_t k, uint64_t i)
{
	int64_t id = ((const int64_t *)data)[i];
	HPy fields[3] = {HPyLong_FromInt64_t(ctx, id), HPyFloat_FromDouble(ctx, (double)id), number_text(ctx, k, i)};
	HPy row = HPy_NULL;
	if (!HPy_IsNull(fields[0]) && !HPy_IsNull(fields[1]) && !HPy_IsNull(fields[2]))
		row = HPyTuple_FromArray(ctx, fields, 3);
	for (int f = 0; f < 3; f++)
		if (!HPy_IsNull(fields[f]))
			HPy_Close(ctx, fields[f]);
	return row;
}

HPyDef_METH(seq_i64_out, "seq_i64_out", HPyFunc_VARARGS) static HPy
	seq_i64_out_impl(HPyContext *ctx, HPy self, const HPy *args, size_t nargs)
{
	(void)self;
	uint64_t k, n;
	int64_t *v;
	if (read_k_n(ctx, args, nargs, &k, &n) < 0 || !(v = room(ctx, n, sizeof *v)))
		return HPy_NULL;
	bd_kernel_fill_i64(k, v, n);
	HPy list = list_of(ctx, n, make_i64, v, k);
	free(v);
	return list;
}

HPyDef_METH(seq_f64_out, "seq_f64_out", HPyFunc_VARARGS) static HPy
	seq_f64_out_impl(HPyContext *ctx, HPy self, const HPy *args, size_t nargs)
{
	(void)self;
	uint64_t k, n;
	double *v;
	if (read_k_n(ctx, args, nargs, &k, &n) < 0 || !(v = room(ctx, n, sizeof *v)))
		return HPy_NULL;
	bd_kernel_fill_f64(k, v, n);
	HPy list = list_of(ctx, n, make_f64, v, k);
	free(v);
	return list;
}

HPyDef_METH(seq_str_out, "seq_str_out", HPyFunc_VARARGS) static HPy
	seq_str_out_impl(HPyContext *ctx, HPy self, const HPy *args, size_t nargs)
{
	(void)self;
	uint64_t k, n;
	if (read_k_n(ctx, args, nargs, &k, &n) < 0)
		return HPy_NULL;
	bd_kernel_fail(0);
	return list_of(ctx, n, make_text, NULL, k);
}

HPyDef_METH(rows_out, "rows_out", HPyFunc_VARARGS) static HPy
	rows_out_impl(HPyContext *ctx, HPy self, const HPy *args, size_t nargs)
{
	(void)self;
	uint64_t k, n;
	int64_t *v;
	if (read_k_n(ctx, args, nargs, &k, &n) < 0 || !(v = room(ctx, n, sizeof *v)))
		return HPy_NULL;
	bd_kernel_fill_i64(k, v, n);
	HPy list = list_of(ctx, n, make_row, v, k);
	free(v);
	return list;
}

HPyDef_METH(map_out, "map_out", HPyFunc_VARARGS) static HPy
	map_out_impl(HPyContext *ctx, HPy self, const HPy *args, size_t nargs)
{
	(void)self;
	uint64_t k, n;
	int64_t *v;
	if (read_k_n(ctx, args, nargs, &k, &n) < 0 || !(v = room(ctx, n, sizeof *v)))
		return HPy_NULL;
	bd_kernel_fill_i64(k, v, n);
	HPy map = HPyDict_New(ctx);
	int failed = HPy_IsNull(map);
	for (uint64_t i = 0; i < n && !failed; i++) {
		HPy key = number_text(ctx, k, i), value = HPyLong_FromInt64_t(ctx, v[i]);
		failed = HPy_IsNull(key) || HPy_IsNull(value) || HPy_SetItem(ctx, map, key, value) < 0;
		if (!HPy_IsNull(key))
			HPy_Close(ctx, key);
		if (!HPy_IsNull(value))
			HPy_Close(ctx, value);
	}
	free(v);
	if (!failed)
		return map;
	if (!HPy_IsNull(map))
		HPy_Close(ctx, map);
	return HPy_NULL;
}

#include "calls.h"
