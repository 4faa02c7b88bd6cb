/* Calls back, errors, attributes, classes; and the module. Part of bdb_hpy.c: HPy's definitions are all static. */

/* ---- calls back, errors, attributes ----------------------------------------------------------------------------------- */

struct target {
	HPyContext *ctx;
	HPy function;
};

static uint64_t call_target(void *arg, uint64_t x)
{
	struct target *t = arg;
	HPyContext *ctx = t->ctx;
	HPy number = HPyLong_FromUInt64_t(ctx, x);
	if (HPy_IsNull(number))
		return BD_KERNEL_STOP;
	HPy result = HPy_Call(ctx, t->function, &number, 1, HPy_NULL);
	HPy_Close(ctx, number);
	if (HPy_IsNull(result))
		return BD_KERNEL_STOP;
	int failed = read_u64(ctx, result, &x);
	HPy_Close(ctx, result);
	return failed ? BD_KERNEL_STOP : x & BD_KERNEL_MASK;
}

HPyDef_METH(callback, "callback", HPyFunc_VARARGS) static HPy
	callback_impl(HPyContext *ctx, HPy self, const HPy *args, size_t nargs)
{
	(void)self;
	uint64_t k, n;
	if (!count_is(ctx, nargs, 3) || read_u64(ctx, args[1], &k) < 0 || read_u64(ctx, args[2], &n) < 0)
		return HPy_NULL;
	struct target target = {ctx, args[0]};
	k = bd_kernel_callback(k, n, call_target, &target);
	return HPyErr_Occurred(ctx) ? HPy_NULL : HPyLong_FromUInt64_t(ctx, k);
}

HPyDef_METH(error, "error", HPyFunc_O) static HPy error_impl(HPyContext *ctx, HPy self, HPy arg)
{
	(void)self;
	uint64_t depth;
	if (read_u64(ctx, arg, &depth) < 0)
		return HPy_NULL;
	if (bd_kernel_fail(depth) < 0)
		return HPyErr_SetString(ctx, ctx->h_ValueError, "the kernel library refused");
	return HPy_Dup(ctx, ctx->h_None);
}

HPyDef_METH(catch, "catch", HPyFunc_VARARGS) static HPy
	catch_impl(HPyContext *ctx, HPy self, const HPy *args, size_t nargs)
{
	(void)self;
	int64_t k;
	if (!count_is(ctx, nargs, 2) || read_i64(ctx, args[1], &k) < 0)
		return HPy_NULL;
	int64_t next = bd_kernel_i64_2(k, 1);
	HPy result = HPy_Call(ctx, args[0], args + 1, 1, HPy_NULL);
	if (!HPy_IsNull(result))
		return result;
	HPyErr_Clear(ctx);
	return HPyLong_FromInt64_t(ctx, next);
}

HPyDef_METH(lookup, "lookup", HPyFunc_VARARGS) static HPy
	lookup_impl(HPyContext *ctx, HPy self, const HPy *args, size_t nargs)
{
	(void)self;
	int64_t k, value;
	uint64_t n, total = 0;
	if (!count_is(ctx, nargs, 3) || read_i64(ctx, args[1], &k) < 0 || read_u64(ctx, args[2], &n) < 0)
		return HPy_NULL;
	HPy name = HPyGlobal_Load(ctx, value_name);
	int failed = 0;
	for (; n && !failed; n--) {
		HPy h = HPy_GetAttr(ctx, args[0], name);
		failed = HPy_IsNull(h) || read_i64(ctx, h, &value) < 0;
		if (!HPy_IsNull(h))
			HPy_Close(ctx, h);
		if (!failed)
			total += (uint64_t)value;
	}
	HPy_Close(ctx, name);
	return failed ? HPy_NULL : HPyLong_FromInt64_t(ctx, bd_kernel_i64_2(k, (int64_t)total));
}

/* ---- classes ------------------------------------------------------------------------------------------------------ */

typedef struct { /* HPyType_HELPERS wants a name of its own */
	long long a, b, c, d, e, f;
} Six;
HPyType_HELPERS(Six)

/* No HPyDef_MEMBER: of a value that does not fit, CPython stores -1 and raises only then. */
#define FIELD(NAME)                                                                                            \
	HPyDef_GETSET(Six_##NAME, #NAME) static HPy Six_##NAME##_get(HPyContext *ctx, HPy self, void *closure) \
	{                                                                                                      \
		(void)closure;                                                                                 \
		return HPyLong_FromLongLong(ctx, Six_AsStruct(ctx, self)->NAME);                               \
	}                                                                                                      \
	static int Six_##NAME##_set(HPyContext *ctx, HPy self, HPy value, void *closure)                       \
	{                                                                                                      \
		(void)closure;                                                                                 \
		int64_t x;                                                                                     \
		if (HPy_IsNull(value)) {                                                                       \
			HPyErr_SetString(ctx, ctx->h_TypeError, "a field cannot be deleted");                  \
			return -1;                                                                             \
		}                                                                                              \
		if (read_i64(ctx, value, &x) < 0)                                                              \
			return -1;                                                                             \
		Six_AsStruct(ctx, self)->NAME = x;                                                             \
		return 0;                                                                                      \
	}
	FIELD(a) FIELD(b) FIELD(c) FIELD(d) FIELD(e) FIELD(f)

		HPyDef_SLOT(Six_new, HPy_tp_new) static HPy
	Six_new_impl(HPyContext *ctx, HPy type, const HPy *args, HPy_ssize_t nargs, HPy keywords)
{
	Six v, *six;
	if (!HPy_IsNull(keywords) && HPy_Length(ctx, keywords) > 0)
		return HPyErr_SetString(ctx, ctx->h_TypeError, "Six() takes no keyword arguments");
	if (!HPyArg_Parse(ctx, NULL, args, (size_t)nargs, "LLLLLL:Six", &v.a, &v.b, &v.c, &v.d, &v.e, &v.f))
		return HPy_NULL;
	HPy made = HPy_New(ctx, type, &six);
	if (!HPy_IsNull(made))
		*six = v;
	return made;
}

static HPy six_sum(HPyContext *ctx, HPy self)
{
	Six *s = Six_AsStruct(ctx, self);
	return HPyLong_FromInt64_t(ctx, bd_kernel_i64_6(s->a, s->b, s->c, s->d, s->e, s->f));
}

HPyDef_METH(Six_sum, "sum", HPyFunc_NOARGS) static HPy Six_sum_impl(HPyContext *ctx, HPy self)
{
	return six_sum(ctx, self);
}

HPyDef_GET(Six_total, "total") static HPy Six_total_get(HPyContext *ctx, HPy self, void *closure)
{
	(void)closure;
	return six_sum(ctx, self);
}

HPyDef_SLOT(Six_length, HPy_sq_length) static HPy_ssize_t Six_length_impl(HPyContext *ctx, HPy self)
{
	(void)ctx;
	(void)self;
	return 6;
}

HPyDef_SLOT(Six_item, HPy_sq_item) static HPy Six_item_impl(HPyContext *ctx, HPy self, HPy_ssize_t i)
{
	const Six *s = Six_AsStruct(ctx, self);
	const long long values[6] = {s->a, s->b, s->c, s->d, s->e, s->f};
	if (i < 0 || i >= 6)
		return HPyErr_SetString(ctx, ctx->h_IndexError, "index out of range");
	return HPyLong_FromLongLong(ctx, values[i]);
}

HPyDef_SLOT(Six_compare, HPy_tp_richcompare) static HPy
	Six_compare_impl(HPyContext *ctx, HPy self, HPy other, HPy_RichCmpOp op)
{
	HPy type = HPyGlobal_Load(ctx, six_type);
	int alike = HPy_TypeCheck(ctx, other, type);
	HPy_Close(ctx, type);
	if (!alike || (op != HPy_EQ && op != HPy_NE))
		return HPy_Dup(ctx, ctx->h_NotImplemented);
	bool equal = memcmp(Six_AsStruct(ctx, self), Six_AsStruct(ctx, other), sizeof(Six)) == 0;
	return HPyBool_FromBool(ctx, equal == (op == HPy_EQ));
}

HPyDef_SLOT(Six_call, HPy_tp_call) static HPy
	Six_call_impl(HPyContext *ctx, HPy self, const HPy *args, size_t nargs, HPy names)
{
	int64_t x;
	(void)names;
	if (!count_is(ctx, nargs, 1) || read_i64(ctx, args[0], &x) < 0)
		return HPy_NULL;
	return HPyLong_FromUInt64_t(ctx, ((uint64_t)Six_AsStruct(ctx, self)->a + (uint64_t)x) & BD_KERNEL_MASK);
}

static HPyDef *six_defines[] = {&Six_a, &Six_b, &Six_c, &Six_d, &Six_e, &Six_f, &Six_new, &Six_sum, &Six_total,
	&Six_length, &Six_item, &Six_compare, &Six_call, NULL};
static HPyType_Spec six_spec = {
	.name = "bdb_hpy.Six",
	.basicsize = sizeof(Six),
	.builtin_shape = SHAPE(Six),
	.flags = HPy_TPFLAGS_DEFAULT,
	.defines = six_defines,
};

static HPy make_six(HPyContext *ctx, const void *data, uint64_t k, uint64_t i)
{
	Six *six;
	(void)k;
	HPy made = HPy_New(ctx, *(const HPy *)data, &six);
	if (!HPy_IsNull(made)) {
		long long first = (long long)i;
		*six = (Six){first, first + 1, first + 2, first + 3, first + 4, first + 5};
	}
	return made;
}

HPyDef_METH(six_batch, "six_batch", HPyFunc_O) static HPy six_batch_impl(HPyContext *ctx, HPy self, HPy arg)
{
	(void)self;
	HPy_ssize_t n = HPyLong_AsSsize_t(ctx, arg);
	if (n < 0)
		return HPyErr_Occurred(ctx) ? HPy_NULL : HPyErr_SetString(ctx, ctx->h_ValueError, "n is negative");
	HPy type = HPyGlobal_Load(ctx, six_type);
	HPy list = list_of(ctx, (uint64_t)n, make_six, &type, 0);
	HPy_Close(ctx, type);
	bd_kernel_fail(0);
	return list;
}

HPyDef_METH(Walker_step, "step", HPyFunc_O) static HPy Walker_step_impl(HPyContext *ctx, HPy self, HPy arg)
{
	(void)self;
	uint64_t k;
	return read_u64(ctx, arg, &k) < 0 ? HPy_NULL : HPyLong_FromUInt64_t(ctx, (k + 1) & BD_KERNEL_MASK);
}

static HPyDef *walker_defines[] = {&Walker_step, NULL};
static HPyType_Spec walker_spec = {
	.name = "bdb_hpy.Walker",
	.flags = HPy_TPFLAGS_DEFAULT | HPy_TPFLAGS_BASETYPE,
	.defines = walker_defines,
};

/* HPy has no virtual methods of its own: what a subclass may override is called by its name. */
HPyDef_METH(run_virtual, "run_virtual", HPyFunc_VARARGS) static HPy
	run_virtual_impl(HPyContext *ctx, HPy self, const HPy *args, size_t nargs)
{
	(void)self;
	uint64_t k, n;
	if (!count_is(ctx, nargs, 3) || read_u64(ctx, args[1], &k) < 0 || read_u64(ctx, args[2], &n) < 0)
		return HPy_NULL;
	HPy type = HPyGlobal_Load(ctx, walker_type);
	int alike = HPy_TypeCheck(ctx, args[0], type);
	HPy_Close(ctx, type);
	if (!alike)
		return HPyErr_SetString(ctx, ctx->h_TypeError, "expected a Walker");
	HPy name = HPyGlobal_Load(ctx, step_name);
	int failed = 0;
	for (; n && !failed; n--) {
		HPy call[2] = {args[0], HPyLong_FromUInt64_t(ctx, k)};
		HPy result = HPy_IsNull(call[1]) ? HPy_NULL : HPy_CallMethod(ctx, name, call, 2, HPy_NULL);
		failed = HPy_IsNull(result) || read_u64(ctx, result, &k) < 0;
		if (!HPy_IsNull(result))
			HPy_Close(ctx, result);
		if (!HPy_IsNull(call[1]))
			HPy_Close(ctx, call[1]);
	}
	HPy_Close(ctx, name);
	bd_kernel_fail(0);
	return failed ? HPy_NULL : HPyLong_FromUInt64_t(ctx, k);
}

/* ---- the module ---------------------------------------------------------------------------------------------------- */

static int keep_name(HPyContext *ctx, HPyGlobal *global, const char *text)
{
	HPy name = HPyUnicode_FromString(ctx, text);
	if (HPy_IsNull(name))
		return -1;
	HPyGlobal_Store(ctx, global, name);
	HPy_Close(ctx, name);
	return 0;
}

static int add_type(HPyContext *ctx, HPy module, HPyType_Spec *spec, const char *name, HPyGlobal *global)
{
	HPy type = HPyType_FromSpec(ctx, spec, NULL);
	if (HPy_IsNull(type))
		return -1;
	HPyGlobal_Store(ctx, global, type);
	int failed = HPy_SetAttr_s(ctx, module, name, type);
	HPy_Close(ctx, type);
	return failed;
}

HPyDef_SLOT(exec, HPy_mod_exec) static int exec_impl(HPyContext *ctx, HPy module)
{
	if (keep_name(ctx, &value_name, "value") < 0 || keep_name(ctx, &step_name, "step") < 0 ||
		add_type(ctx, module, &six_spec, "Six", &six_type) < 0 ||
		add_type(ctx, module, &walker_spec, "Walker", &walker_type) < 0)
		return -1;
	return 0;
}

#define DEFINED(KIND, K) &KIND##_##K,
#define DEFINED_I64(K) DEFINED(i64, K)
#define DEFINED_F64(K) DEFINED(f64, K)
#define DEFINED_BOOL(K) DEFINED(bool, K)
static HPyDef *defines[] = {BD_KERNEL_COUNTS(DEFINED_I64) BD_KERNEL_COUNTS(DEFINED_F64) BD_KERNEL_COUNTS(DEFINED_BOOL) &
		noargs,
	&plusone, &kwargs, &spin_hold, &spin_release, &text, &text_copy, &bytes_copy, &bytes_out, &seq_i64_in,
	&seq_f64_in, &seq_str_in, &rows_in, &map_in, &seq_i64_out, &seq_f64_out, &seq_str_out, &rows_out, &map_out,
	&callback, &error, &catch, &lookup, &six_batch, &run_virtual, &exec, NULL};
static HPyGlobal *globals[] = {&value_name, &step_name, &six_type, &walker_type, NULL};
static HPyModuleDef module_def = {
	.doc = "The kernel library through HPy.",
	.size = 0,
	.defines = defines,
	.globals = globals,
};

HPy_MODINIT(bdb_hpy, module_def)
