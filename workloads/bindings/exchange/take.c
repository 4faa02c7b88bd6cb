/* Who takes: memory of others by each protocol, given back as the protocol wants it. */
#include "exchange.h"

#include <string.h>

static const char *const names[BD_PROTOCOLS] = {"buffer", "__array_interface__", "DLPack", "DLPack 1.0", "Arrow C data",
	"Arrow C stream"};

static int refuse(enum bd_protocol protocol, const char *why)
{
	PyErr_Format(PyExc_BufferError, "%s: %s", names[protocol], why);
	return -1;
}

static int take_buffer(PyObject *from, bool writable, struct bd_held *h)
{
	if (PyObject_GetBuffer(from, &h->of.buffer,
		    PyBUF_C_CONTIGUOUS | PyBUF_FORMAT | (writable ? PyBUF_WRITABLE : 0)) < 0)
		return -1;
	const Py_buffer *b = &h->of.buffer;
	h->data = b->buf;
	h->len = b->len;
	h->readonly = b->readonly;
	if (b->format && strlen(b->format) < sizeof h->format)
		strcpy(h->format, b->format);
	return 0;
}

/* Compact, row by row? Strides are multiples of `unit` bytes. */
static bool compact(int ndim, const int64_t *shape, const int64_t *strides, int64_t unit)
{
	int64_t step = unit;
	for (int i = ndim - 1; strides && i >= 0; i--) {
		if (shape[i] > 1 && strides[i] != step)
			return false;
		step *= shape[i];
	}
	return true;
}

/* ---- __array_interface__ ------------------------------------------------------------------------------------------- */

#define MAX_DIMENSIONS 64

/* The integers of a tuple. */
static int numbers(PyObject *tuple, int64_t *ret, int *ret_n)
{
	if (!tuple || !PyTuple_Check(tuple) || PyTuple_GET_SIZE(tuple) > MAX_DIMENSIONS)
		return -1;
	*ret_n = (int)PyTuple_GET_SIZE(tuple);
	for (int i = 0; i < *ret_n; i++) {
		ret[i] = PyLong_AsLongLong(PyTuple_GET_ITEM(tuple, i));
		if (ret[i] < 0) { /* backwards is not compact, either */
			PyErr_Clear();
			return -1;
		}
	}
	return 0;
}

/* "<f8" → "d" and 8 bytes */
static int typestr(const char *text, char *format, int64_t *ret_size)
{
	static const struct {
		char text[4], format[2];
	} known[] = {{"f8", "d"}, {"f4", "f"}, {"f2", "e"}, {"i8", "q"}, {"i4", "i"}, {"i2", "h"}, {"i1", "b"},
		{"u8", "Q"}, {"u4", "I"}, {"u2", "H"}, {"u1", "B"}, {"b1", "?"}};
	if (!text || !*text || *text == '>')
		return -1;
	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		if (strcmp(text + 1, known[i].text) == 0) {
			strcpy(format, known[i].format);
			*ret_size = known[i].text[1] - '0';
			return 0;
		}
	}
	return -1;
}

static int take_interface_of(PyObject *from, PyObject *d, bool writable, struct bd_held *h)
{
	if (!PyDict_Check(d))
		return refuse(BD_INTERFACE, "it is no dict");
	int64_t shape[MAX_DIMENSIONS], strides[MAX_DIMENSIONS], size;
	int ndim, n;
	PyObject *type = PyDict_GetItemString(d, "typestr"), *data = PyDict_GetItemString(d, "data");
	PyObject *steps = PyDict_GetItemString(d, "strides");
	if (!type || !PyUnicode_Check(type) || typestr(PyUnicode_AsUTF8(type), h->format, &size) < 0) {
		PyErr_Clear();
		return refuse(BD_INTERFACE, "its typestr is none of plain numbers in this machine's byte order");
	}
	if (numbers(PyDict_GetItemString(d, "shape"), shape, &ndim) < 0)
		return refuse(BD_INTERFACE, "its shape is no tuple of lengths");
	if (steps && steps != Py_None &&
		(numbers(steps, strides, &n) < 0 || n != ndim || !compact(ndim, shape, strides, size)))
		return refuse(BD_INTERFACE, "its memory is not contiguous");
	if (!data || !PyTuple_Check(data) || PyTuple_GET_SIZE(data) != 2)
		return refuse(BD_INTERFACE, "its data is no (address, read only)");
	h->data = PyLong_AsVoidPtr(PyTuple_GET_ITEM(data, 0));
	int readonly = PyObject_IsTrue(PyTuple_GET_ITEM(data, 1));
	if (readonly < 0 || PyErr_Occurred())
		return -1;
	if (readonly && writable)
		return refuse(BD_INTERFACE, "it is read only");
	h->readonly = readonly;
	h->len = size;
	for (int i = 0; i < ndim; i++)
		h->len *= shape[i];
	h->owner = Py_NewRef(from);
	return 0;
}

static int take_interface(PyObject *from, bool writable, struct bd_held *h)
{
	PyObject *d = PyObject_GetAttrString(from, "__array_interface__");
	if (!d)
		return -1;
	int r = take_interface_of(from, d, writable, h);
	Py_DECREF(d);
	return r;
}

/* ---- DLPack --------------------------------------------------------------------------------------------------------- */

static int take_tensor(const struct bd_dlpack_tensor *t, struct bd_held *h)
{
	static const char *const formats[][9] = {[BD_DLPACK_INT] = {[1] = "b", [2] = "h", [4] = "i", [8] = "q"},
		[BD_DLPACK_UINT] = {[1] = "B", [2] = "H", [4] = "I", [8] = "Q"},
		[BD_DLPACK_FLOAT] = {[2] = "e", [4] = "f", [8] = "d"},
		[BD_DLPACK_BOOL] = {[1] = "?"}};
	unsigned bytes = t->dtype.bits / 8;
	if (t->device.type != BD_DLPACK_CPU)
		return refuse(h->protocol, "its memory is not the processor's");
	if (t->dtype.lanes != 1 || t->dtype.bits % 8 || bytes >= 9 ||
		t->dtype.code >= sizeof formats / sizeof *formats || !formats[t->dtype.code][bytes])
		return refuse(h->protocol, "its values are no plain numbers");
	if (!compact(t->ndim, t->shape, t->strides, 1))
		return refuse(h->protocol, "its memory is not contiguous");
	strcpy(h->format, formats[t->dtype.code][bytes]);
	h->len = bytes;
	for (int i = 0; i < t->ndim; i++)
		h->len *= t->shape[i];
	h->data = (unsigned char *)t->data + t->byte_offset;
	return 0;
}

/* Its own max_version is passed only where the caller wants 1.0: objects of before know no such argument. */
static PyObject *dlpack_capsule(PyObject *from, bool versioned)
{
	if (!versioned)
		return PyObject_CallMethod(from, "__dlpack__", NULL);
	PyObject *method = PyObject_GetAttrString(from, "__dlpack__"), *none = PyTuple_New(0), *capsule = NULL;
	PyObject *words = Py_BuildValue("{s(ii)}", "max_version", 1, 0);
	if (method && none && words)
		capsule = PyObject_Call(method, none, words);
	Py_XDECREF(words);
	Py_XDECREF(none);
	Py_XDECREF(method);
	return capsule;
}

static int take_dlpack(PyObject *from, bool writable, struct bd_held *h)
{
	PyObject *capsule = dlpack_capsule(from, h->protocol == BD_DLPACK_1);
	if (!capsule)
		return -1;
	int r;
	if (PyCapsule_IsValid(capsule, "dltensor_versioned")) {
		struct bd_dlpack_versioned *v = PyCapsule_GetPointer(capsule, "dltensor_versioned");
		h->readonly = v->flags & BD_DLPACK_READONLY;
		h->protocol = BD_DLPACK_1;
		r = v->version.major != 1                ? refuse(h->protocol, "its version is not 1")
			: take_tensor(&v->tensor, h) < 0 ? -1
			: h->readonly && writable        ? refuse(h->protocol, "it is read only")
							 : PyCapsule_SetName(capsule, "used_dltensor_versioned");
		h->of.dlpack_1 = v;
	} else if (PyCapsule_IsValid(capsule, "dltensor")) {
		struct bd_dlpack *v = PyCapsule_GetPointer(capsule, "dltensor");
		h->protocol = BD_DLPACK; /* an exporter may know no other, whatever was asked for */
		r = take_tensor(&v->tensor, h) < 0 ? -1 : PyCapsule_SetName(capsule, "used_dltensor");
		h->of.dlpack = v;
	} else {
		r = refuse(h->protocol, "it gave no capsule of a tensor");
	}
	Py_DECREF(capsule); /* which deletes the tensor unless it has been renamed */
	return r;
}

/* ---- Arrow ---------------------------------------------------------------------------------------------------------- */

static void release_array(struct bd_arrow_array *a)
{
	if (a->release)
		a->release(a);
}

/* The format of values of fixed width, and how many bytes they have. */
static Py_ssize_t arrow_width(const char *format, char *ret)
{
	static const char from[] = "cCsSiIlLefg", to[] = "bBhHiIqQefd", width[] = "11224488248";
	const char *at = *format && !format[1] ? strchr(from, *format) : NULL;
	if (!at)
		return 0;
	ret[0] = to[at - from];
	ret[1] = '\0';
	return width[at - from] - '0';
}

/* The values of a column, or of the first column of a record batch. */
static int column(enum bd_protocol protocol, const struct bd_arrow_schema *s, const struct bd_arrow_array *a,
	char *ret_format, unsigned char **ret_data, Py_ssize_t *ret_len)
{
	int64_t offset = a->offset, length = a->length;
	if (strcmp(s->format, "+s") == 0) {
		if (s->n_children < 1 || a->n_children < 1)
			return refuse(protocol, "it has no columns");
		if (a->null_count > 0)
			return refuse(protocol, "it has nulls");
		s = s->children[0];
		a = a->children[0];
		offset += a->offset;
	}
	Py_ssize_t width = arrow_width(s->format, ret_format);
	if (!width || s->dictionary)
		return refuse(protocol, "its values have no fixed width");
	if (a->null_count > 0 || (a->null_count < 0 && a->n_buffers && a->buffers[0]))
		return refuse(protocol, "it has nulls");
	if (a->n_buffers != 2)
		return refuse(protocol, "it has not the two buffers of a column");
	*ret_data = (unsigned char *)a->buffers[1] + offset * width;
	*ret_len = length * width;
	return 0;
}

static int take_arrow(PyObject *from, struct bd_held *h)
{
	PyObject *pair = PyObject_CallMethod(from, "__arrow_c_array__", NULL);
	if (!pair)
		return -1;
	int r = -1;
	if (!PyTuple_Check(pair) || PyTuple_GET_SIZE(pair) != 2) {
		refuse(h->protocol, "it gave no pair of capsules");
	} else {
		struct bd_arrow_schema *s = PyCapsule_GetPointer(PyTuple_GET_ITEM(pair, 0), "arrow_schema");
		struct bd_arrow_array *a = s ? PyCapsule_GetPointer(PyTuple_GET_ITEM(pair, 1), "arrow_array") : NULL;
		if (a && !a->release)
			refuse(h->protocol, "its array was released already");
		else if (a)
			r = column(h->protocol, s, a, h->format, &h->data, &h->len);
		if (!r) { /* moved: whoever destroys the capsule finds nothing to release */
			h->of.array = *a;
			a->release = NULL;
		}
	}
	Py_DECREF(pair);
	return r;
}

static int stream_failed(struct bd_arrow_stream *stream, const char *what)
{
	const char *text = stream->get_last_error ? stream->get_last_error(stream) : NULL;
	PyErr_Format(PyExc_BufferError, "Arrow C stream: %s: %s", what, text ? text : "it gave no reason");
	return -1;
}

/* Calls `each` for every batch until it gives something else than 1. It may move the batch away. */
static int batches(PyObject *from, int (*each)(const struct bd_arrow_schema *, struct bd_arrow_array *, void *),
	void *arg)
{
	PyObject *capsule = PyObject_CallMethod(from, "__arrow_c_stream__", NULL);
	if (!capsule)
		return -1;
	struct bd_arrow_schema schema = {0};
	struct bd_arrow_stream *stream = PyCapsule_GetPointer(capsule, "arrow_array_stream");
	int r = -1;
	if (stream && !stream->release)
		refuse(BD_ARROW_STREAM, "it was released already");
	else if (stream && stream->get_schema(stream, &schema))
		stream_failed(stream, "no schema");
	else if (stream)
		r = 1;
	while (r == 1) {
		struct bd_arrow_array batch = {0};
		if (stream->get_next(stream, &batch))
			r = stream_failed(stream, "no batch");
		else if (!batch.release)
			r = 0;
		else
			r = each(&schema, &batch, arg);
		release_array(&batch);
	}
	if (schema.release)
		schema.release(&schema);
	Py_DECREF(capsule);
	return r;
}

static int hold_batch(const struct bd_arrow_schema *schema, struct bd_arrow_array *batch, void *arg)
{
	struct bd_held *h = arg;
	if (column(h->protocol, schema, batch, h->format, &h->data, &h->len) < 0)
		return -1;
	h->of.array = *batch;
	batch->release = NULL;
	return 0;
}

struct summing {
	uint64_t k;
	uint64_t (*f)(uint64_t k, const void *data, uint64_t len);
};

static int sum_batch(const struct bd_arrow_schema *schema, struct bd_arrow_array *batch, void *arg)
{
	struct summing *s = arg;
	char format[4];
	unsigned char *data;
	Py_ssize_t len;
	if (column(BD_ARROW_STREAM, schema, batch, format, &data, &len) < 0)
		return -1;
	s->k = s->f(s->k, data, (uint64_t)len);
	return 1;
}

int bd_exchange_stream(PyObject *from, uint64_t *k, uint64_t (*f)(uint64_t k, const void *data, uint64_t len))
{
	struct summing s = {*k, f};
	if (batches(from, sum_batch, &s) < 0)
		return -1;
	*k = s.k;
	return 0;
}

static int take_stream(PyObject *from, struct bd_held *h)
{
	if (batches(from, hold_batch, h) < 0)
		return -1;
	return h->of.array.release ? 0 : refuse(h->protocol, "it has no batch");
}

/* --------------------------------------------------------------------------------------------------------------------- */

int bd_exchange_take(enum bd_protocol protocol, PyObject *from, bool writable, struct bd_held *h)
{
	h->protocol = protocol;
	h->format[0] = '\0';
	h->readonly = false;
	h->owner = NULL;
	switch (protocol) {
	case BD_BUFFER:
		return take_buffer(from, writable, h);
	case BD_INTERFACE:
		return take_interface(from, writable, h);
	case BD_DLPACK:
	case BD_DLPACK_1:
		return take_dlpack(from, writable, h);
	case BD_ARROW:
	case BD_ARROW_STREAM: /* what others may have, too, is nobody's to change */
		if (writable)
			return refuse(protocol, "it is read only");
		h->readonly = true;
		h->of.array.release = NULL;
		return protocol == BD_ARROW ? take_arrow(from, h) : take_stream(from, h);
	default:
		PyErr_BadInternalCall();
		return -1;
	}
}

void bd_exchange_give_back(struct bd_held *h)
{
	switch (h->protocol) {
	case BD_BUFFER:
		PyBuffer_Release(&h->of.buffer);
		break;
	case BD_DLPACK:
		if (h->of.dlpack->deleter)
			h->of.dlpack->deleter(h->of.dlpack);
		break;
	case BD_DLPACK_1:
		if (h->of.dlpack_1->deleter)
			h->of.dlpack_1->deleter(h->of.dlpack_1);
		break;
	case BD_ARROW:
	case BD_ARROW_STREAM:
		release_array(&h->of.array);
		break;
	default:
		break;
	}
	Py_CLEAR(h->owner);
}
