/* Who takes: memory of others by each protocol, given back as the protocol wants it. */
#include "exchange.h"

#include <string.h>

static const char *const names[BD_PROTOCOLS] = {"buffer", "__array_interface__", "DLPack", "DLPack 1.0",
	"Arrow C data"};

static int refuse(enum bd_protocol protocol, const char *why)
{
	PyErr_Format(PyExc_BufferError, "%s: %s", names[protocol], why);
	return -1;
}

static int take_buffer(PyObject *from, struct bd_held *h)
{
	if (PyObject_GetBuffer(from, &h->of.buffer, PyBUF_SIMPLE) < 0)
		return -1;
	h->data = h->of.buffer.buf;
	h->len = h->of.buffer.len;
	return 0;
}

/* Compact, row by row? Strides are multiples of `unit` bytes. */
static bool compact(int ndim, const int64_t *shape, const int64_t *strides, int64_t unit)
{
	int64_t step = unit;
	for (int i = ndim - 1; strides && i >= 0; i--)
		if ((shape[i] > 1 && strides[i] != step) || __builtin_mul_overflow(step, shape[i], &step))
			return false;
	return true;
}

static int length(enum bd_protocol protocol, int ndim, const int64_t *shape, int64_t unit, Py_ssize_t *ret)
{
	int64_t len = unit;
	for (int i = 0; i < ndim; i++)
		if (shape[i] < 0 || __builtin_mul_overflow(len, shape[i], &len))
			return refuse(protocol, "its shape is beyond all memory");
	*ret = len;
	return 0;
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

/* How many bytes "<f8" has; 0: it is none of plain numbers in this machine's order. */
static int64_t typestr_size(const char *text)
{
	static const char kinds[] = "iufb", order = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? '<' : '>';
	if (!text || strlen(text) != 3 || (text[0] != order && text[0] != '|') || !strchr(kinds, text[1]))
		return 0;
	return strchr("1248", text[2]) ? text[2] - '0' : 0;
}

static int take_interface_of(PyObject *from, PyObject *d, struct bd_held *h)
{
	if (!PyDict_Check(d))
		return refuse(BD_INTERFACE, "it is no dict");
	int64_t shape[MAX_DIMENSIONS], strides[MAX_DIMENSIONS];
	int ndim, n;
	PyObject *type = PyDict_GetItemString(d, "typestr"), *data = PyDict_GetItemString(d, "data");
	PyObject *steps = PyDict_GetItemString(d, "strides");
	int64_t size = type && PyUnicode_Check(type) ? typestr_size(PyUnicode_AsUTF8(type)) : 0;
	if (!size) {
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
	if (PyErr_Occurred())
		return -1;
	if (length(BD_INTERFACE, ndim, shape, size, &h->len) < 0)
		return -1;
	h->owner = Py_NewRef(from);
	return 0;
}

static int take_interface(PyObject *from, struct bd_held *h)
{
	PyObject *d = PyObject_GetAttrString(from, "__array_interface__");
	if (!d)
		return -1;
	int r = take_interface_of(from, d, h);
	Py_DECREF(d);
	return r;
}

/* ---- DLPack --------------------------------------------------------------------------------------------------------- */

static int take_tensor(const struct bd_dlpack_tensor *t, struct bd_held *h)
{
	unsigned bytes = t->dtype.bits / 8;
	if (t->device.type != BD_DLPACK_CPU)
		return refuse(h->protocol, "its memory is not the processor's");
	bool plain = t->dtype.code == BD_DLPACK_INT || t->dtype.code == BD_DLPACK_UINT ||
		t->dtype.code == BD_DLPACK_FLOAT || t->dtype.code == BD_DLPACK_BOOL;
	if (!plain || t->dtype.lanes != 1 || t->dtype.bits % 8)
		return refuse(h->protocol, "its values are no plain numbers");
	if (!compact(t->ndim, t->shape, t->strides, 1))
		return refuse(h->protocol, "its memory is not contiguous");
	if (length(h->protocol, t->ndim, t->shape, bytes, &h->len) < 0)
		return -1;
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

static int take_dlpack(PyObject *from, struct bd_held *h)
{
	PyObject *capsule = dlpack_capsule(from, h->protocol == BD_DLPACK_1);
	if (!capsule)
		return -1;
	int r;
	if (PyCapsule_IsValid(capsule, "dltensor_versioned")) {
		struct bd_dlpack_versioned *v = PyCapsule_GetPointer(capsule, "dltensor_versioned");
		h->protocol = BD_DLPACK_1;
		r = v->version.major != 1                ? refuse(h->protocol, "its version is not 1")
			: take_tensor(&v->tensor, h) < 0 ? -1
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

/* How many bytes values of fixed width have; 0: they have none. */
static Py_ssize_t arrow_width(const char *format)
{
	static const char formats[] = "cCsSiIlLefg", width[] = "11224488248";
	const char *at = *format && !format[1] ? strchr(formats, *format) : NULL;
	return at ? width[at - formats] - '0' : 0;
}

/* The values of a column, or of the first column of a record batch. */
static int column(enum bd_protocol protocol, const struct bd_arrow_schema *s, const struct bd_arrow_array *a,
	unsigned char **ret_data, Py_ssize_t *ret_len)
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
	Py_ssize_t width = arrow_width(s->format);
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
			r = column(h->protocol, s, a, &h->data, &h->len);
		if (!r) { /* moved: whoever destroys the capsule finds nothing to release */
			h->of.array = *a;
			a->release = NULL;
		}
	}
	Py_DECREF(pair);
	return r;
}

static int stream_refused(const char *why)
{
	PyErr_Format(PyExc_BufferError, "Arrow C stream: %s", why);
	return -1;
}

static int stream_failed(struct bd_arrow_stream *stream)
{
	const char *text = stream->get_last_error ? stream->get_last_error(stream) : NULL;
	return stream_refused(text ? text : "it failed, and gave no reason");
}

int bd_exchange_stream(PyObject *from, uint64_t *k, uint64_t (*f)(uint64_t k, const void *data, uint64_t len))
{
	PyObject *capsule = PyObject_CallMethod(from, "__arrow_c_stream__", NULL);
	if (!capsule)
		return -1;
	struct bd_arrow_schema schema = {0};
	struct bd_arrow_stream *stream = PyCapsule_GetPointer(capsule, "arrow_array_stream");
	int r = -1;
	if (stream && !stream->release)
		stream_refused("it was released already");
	else if (stream && stream->get_schema(stream, &schema))
		stream_failed(stream);
	else if (stream)
		r = 1;
	while (r == 1) {
		struct bd_arrow_array batch = {0};
		unsigned char *data;
		Py_ssize_t len;
		if (stream->get_next(stream, &batch))
			r = stream_failed(stream);
		else if (!batch.release)
			r = 0;
		else if (column(BD_ARROW, &schema, &batch, &data, &len) < 0)
			r = -1;
		else
			*k = f(*k, data, (uint64_t)len);
		release_array(&batch);
	}
	if (schema.release)
		schema.release(&schema);
	Py_DECREF(capsule);
	return r;
}

/* --------------------------------------------------------------------------------------------------------------------- */

int bd_exchange_take(enum bd_protocol protocol, PyObject *from, struct bd_held *h)
{
	h->protocol = protocol;
	h->owner = NULL;
	switch (protocol) {
	case BD_BUFFER:
		return take_buffer(from, h);
	case BD_INTERFACE:
		return take_interface(from, h);
	case BD_DLPACK:
	case BD_DLPACK_1:
		return take_dlpack(from, h);
	case BD_ARROW:
		return take_arrow(from, h);
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
		release_array(&h->of.array);
		break;
	default:
		break;
	}
	Py_CLEAR(h->owner);
}
