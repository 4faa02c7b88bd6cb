/* V3: an operation that must not copy: the other side has the very memory of the exporter, keeps nothing of it, and nobody
 * made a second one. One that says it copies must be seen to: else its figure is that of something else. */
#include "bd_bench.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#define NOISE_BYTES 2048       /* of what else an operation may leave with the allocator */
#define NOISE_RSS (256 * 1024) /* … and in memory: page tables do not move by less */

/* To the page, unlike VmRSS, which a kernel may keep per processor and add up now and then. */
static int64_t resident_bytes(void)
{
	bd_auto_free char *text = NULL;
	if (bd_file_read("/proc/self/smaps_rollup", 1 << 16, &text, NULL) < 0)
		return BD_NULL_INT;
	const char *at = strstr(text, "\nRss:");
	return at ? atoll(at + strlen("\nRss:")) * 1024 : BD_NULL_INT;
}

struct side {
	volatile unsigned char *at;
	int64_t len;
	bool writable;
};

static bool failed(struct bd_bench_cell *c, const char *what)
{
	bd_auto_free char *text = bd_py_error();
	struct bd_error err = {0};
	bd_error_set(&err, -EIO, "exception", "", "%s of %s: %s", what, c->work.desc->name, text);
	bd_verdict_set(&c->verdict, NULL, BD_CELL_FAILED, &err);
	return false;
}

/* Where an object's memory is; its buffer stays acquired in *buffer. */
static bool acquire(PyObject *o, Py_buffer *buffer, struct side *ret)
{
	if (PyUnicode_Check(o)) { /* the interpreter's own UTF-8, which is what can be borrowed of a text */
		Py_ssize_t len;
		const char *text = PyUnicode_AsUTF8AndSize(o, &len);
		*ret = (struct side){(unsigned char *)(uintptr_t)text, len, false};
		*buffer = (Py_buffer){0};
		return text != NULL;
	}
	bool writable = PyObject_GetBuffer(o, buffer, PyBUF_WRITABLE) == 0;
	if (!writable) {
		PyErr_Clear();
		if (PyObject_GetBuffer(o, buffer, PyBUF_SIMPLE) < 0)
			return false;
	}
	*ret = (struct side){buffer->buf, buffer->len, writable};
	return true;
}

/* What view() gave: None, an address, or something with a buffer. */
static bool other_side(PyObject *seen, int64_t len, Py_buffer *buffer, struct side *ret)
{
	if (seen == Py_None) {
		const struct bd_kernel_slot *s = bd_kernel_own_slot();
		*ret = (struct side){(unsigned char *)(uintptr_t)s->data, (int64_t)s->data_len, true};
		return true;
	}
	if (PyLong_Check(seen)) {
		*ret = (struct side){PyLong_AsVoidPtr(seen), len, true};
		return !PyErr_Occurred();
	}
	return acquire(seen, buffer, ret);
}

/* What is written on one side is seen on the other: at the ends and in the middle. */
static bool shows_through(const struct side *from, const struct side *to)
{
	if (!from->writable)
		return true;
	int64_t n = BD_MIN(from->len, to->len), places[] = {0, n / 2, n - 1};
	bool seen = true;
	for (size_t i = 0; n && i < BD_LEN(places); i++) {
		unsigned char before = from->at[places[i]];
		from->at[places[i]] = (unsigned char)~before;
		seen = seen && to->at[places[i]] == (unsigned char)~before;
		from->at[places[i]] = before;
		seen = seen && to->at[places[i]] == before;
	}
	return seen;
}

static int64_t grown(int64_t before, int64_t after)
{
	return before == BD_NULL_INT || after == BD_NULL_INT ? 0 : after - before;
}

static bool compare(struct bd_bench_cell *c, const struct side *own, const struct side *other)
{
	const char *hint = "somewhere on the way a copy is made";
	if (other->len < own->len)
		return bd_check_fail(c, "V3", "address-differs", hint, "the other side has %lld of %lld bytes",
			(long long)other->len, (long long)own->len);
	if (!c->work.desc->mapped_twice && own->at != other->at)
		return bd_check_fail(c, "V3", "address-differs", hint,
			"the exporter's memory is at %p, the other side's at %p", (const void *)own->at,
			(const void *)other->at);
	if (!shows_through(own, other) || !shows_through(other, own))
		return bd_check_fail(c, "V3", "write-not-seen", hint, "what one side writes the other does not see");
	return true;
}

/* Of a cell that copies the other side is not touched where only its address is known: the copy may be gone. */
static bool differs(const struct bd_bench_cell *c, const struct side *own, const struct side *other, bool alive)
{
	if (other->len < own->len || (!c->work.desc->mapped_twice && own->at != other->at))
		return true;
	return alive && (!shows_through(own, other) || !shows_through(other, own));
}

/* The operation once; *ret_refs: how many more references the exporter has when it is over. */
static bool look(struct bd_bench_cell *c, PyObject *exporter, const struct side *own, bool copies, Py_ssize_t *ret_refs)
{
	Py_ssize_t refs = Py_REFCNT(exporter);
	bool whole;
	int64_t rss = resident_bytes(), bytes = bd_malloc_exact_bytes(&whole);
	bd_auto_py PyObject *seen = c->work.desc->view(&c->work, exporter);
	if (!seen)
		return failed(c, "view()");
	int64_t more_rss = grown(rss, resident_bytes()), more = grown(bytes, bd_malloc_exact_bytes(&whole));
	Py_buffer buffer = {0};
	struct side other;
	if (!other_side(seen, own->len, &buffer, &other))
		return failed(c, "what view() gives is no memory");
	if (other.at == own->at) /* an address says nothing of it: what is read only may be so for the processor */
		other.writable = other.writable && own->writable;
	bool ok = copies || compare(c, own, &other);
	if (copies && own->len && !differs(c, own, &other, buffer.obj != NULL))
		ok = bd_check_fail(c, "V3", "no-copy-found", "the case says that it copies",
			"the other side has the exporter's own memory at %p", (const void *)own->at);
	if (buffer.obj)
		PyBuffer_Release(&buffer);
	Py_CLEAR(seen);
	*ret_refs = Py_REFCNT(exporter) - refs;
	if (ok && !copies && (more > own->len / 10 + NOISE_BYTES || more_rss > own->len / 10 + NOISE_RSS))
		return bd_check_fail(c, "V3", "memory-grew", "a second copy is kept",
			"one operation took %lld bytes of memory (%lld resident) for a payload of %lld",
			(long long)more, (long long)more_rss, (long long)own->len);
	return ok;
}

bool bd_check_copy(struct bd_bench_cell *c)
{
	const struct bd_case *desc = c->work.desc;
	if (!desc->exporter || !desc->view)
		return true;
	int copies = desc->copies ? desc->copies(&c->work) : 0;
	if (copies < 0)
		return failed(c, "copies()");
	bd_auto_py PyObject *exporter = desc->exporter(&c->work);
	if (!exporter)
		return failed(c, "exporter()");
	if (exporter == Py_None) /* nothing is handed over: there is nothing to look at, and nothing to say */
		return true;
	Py_buffer buffer;
	struct side own;
	if (!acquire(exporter, &buffer, &own))
		return failed(c, "what exporter() gives has no memory");
	if (buffer.obj)
		PyBuffer_Release(&buffer);
	for (int64_t at = 0; at < own.len; at += 4096) /* pages nobody touched yet are not the operation's */
		(void)own.at[at];
	/* The first time may import, compile, fill a cache. */
	bd_auto_py PyObject *first = desc->view(&c->work, exporter);
	if (!first)
		return failed(c, "view()");
	Py_CLEAR(first);
	Py_ssize_t refs = 0;
	if (!look(c, exporter, &own, copies, &refs))
		return false;
	if (refs)
		return bd_check_fail(c, "V3", "reference-kept", "a reference or a buffer is not released",
			"the exporter has %zd references more after the operation", refs);
	if (copies)
		bd_check_note(c, "copies", "", "what is handed over is copied, as V3 found");
	else
		bd_check_note(c, "zero-copy", "", "nothing of what is handed over is copied, as V3 found");
	return true;
}
