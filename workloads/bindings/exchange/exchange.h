/* bdb_exchange: data without copies, between any two who keep to a protocol: the buffer protocol, __array_interface__, DLPack,
 * the Arrow C data interface and its stream, the last three by their Python capsules. Both sides of each: what takes
 * (take.c), and what gives (block.c).
 *
 * The structs of DLPack and Arrow below are binary interfaces: their members and their order are what the specifications
 * say (dmlc.github.io/dlpack, arrow.apache.org/docs/format/CDataInterface.html), the names are ours. */
#ifndef BD_EXCHANGE_H
#define BD_EXCHANGE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdbool.h>
#include <stdint.h>

#ifndef Py_BEGIN_CRITICAL_SECTION /* before 3.13 there is always a GIL */
#define Py_BEGIN_CRITICAL_SECTION(object) {
#define Py_END_CRITICAL_SECTION() }
#endif

#define BD_DLPACK_CPU 1
#define BD_DLPACK_INT 0
#define BD_DLPACK_UINT 1
#define BD_DLPACK_FLOAT 2
#define BD_DLPACK_BOOL 6
#define BD_DLPACK_READONLY UINT64_C(1)

struct bd_dlpack_tensor {
	void *data;
	struct {
		int32_t type, id;
	} device;
	int32_t ndim;
	struct {
		uint8_t code, bits;
		uint16_t lanes;
	} dtype;
	int64_t *shape, *strides; /* strides in elements; NULL = compact, row by row */
	uint64_t byte_offset;
};

struct bd_dlpack { /* "dltensor" */
	struct bd_dlpack_tensor tensor;
	void *context;
	void (*deleter)(struct bd_dlpack *self);
};

struct bd_dlpack_versioned { /* "dltensor_versioned" */
	struct {
		uint32_t major, minor;
	} version;
	void *context;
	void (*deleter)(struct bd_dlpack_versioned *self);
	uint64_t flags;
	struct bd_dlpack_tensor tensor;
};

struct bd_arrow_schema {
	const char *format, *name, *metadata;
	int64_t flags, n_children;
	struct bd_arrow_schema **children, *dictionary;
	void (*release)(struct bd_arrow_schema *self);
	void *context;
};

struct bd_arrow_array {
	int64_t length, null_count, offset, n_buffers, n_children;
	const void **buffers;
	struct bd_arrow_array **children, *dictionary;
	void (*release)(struct bd_arrow_array *self);
	void *context;
};

struct bd_arrow_stream {
	int (*get_schema)(struct bd_arrow_stream *self, struct bd_arrow_schema *ret);
	int (*get_next)(struct bd_arrow_stream *self, struct bd_arrow_array *ret);
	const char *(*get_last_error)(struct bd_arrow_stream *self);
	void (*release)(struct bd_arrow_stream *self);
	void *context;
};

/* ---- taking ------------------------------------------------------------------------------------------------------- */

enum bd_protocol { BD_BUFFER, BD_INTERFACE, BD_DLPACK, BD_DLPACK_1, BD_ARROW, BD_PROTOCOLS };

struct bd_held { /* memory of somebody else, until bd_exchange_give_back */
	enum bd_protocol protocol;
	unsigned char *data;
	Py_ssize_t len;  /* bytes */
	PyObject *owner; /* __array_interface__: all there is to keep the memory alive */
	union {
		Py_buffer buffer;
		struct bd_dlpack *dlpack;
		struct bd_dlpack_versioned *dlpack_1;
		struct bd_arrow_array array;
	} of;
};

/* One-dimensional or compact memory of fixed-width values, without nulls, to be read; else an exception, and nothing is
 * held. Of a record batch the first column. Streams have more than one batch: bd_exchange_stream. */
int bd_exchange_take(enum bd_protocol protocol, PyObject *from, struct bd_held *ret);
void bd_exchange_give_back(struct bd_held *held);

/* Every batch of the stream that `from` gives, one after the other: k = f(k, batch). */
int bd_exchange_stream(PyObject *from, uint64_t *k, uint64_t (*f)(uint64_t k, const void *data, uint64_t len));

/* ---- giving -------------------------------------------------------------------------------------------------------- */

struct bd_exchange_state { /* of the module */
	PyObject *block;   /* the type */
};

/* Adds the types Block and Batches. */
int bd_exchange_add_block(PyObject *module);

#endif
