/* The parts of a sample of which there are many, as one byte string.
 *
 *   detail  = version(1 byte, 1) threads blocks hist
 *   threads = count, then per thread: tid ops straddled overrun_ns cpu_ns processor voluntary involuntary
 *             waits wait_ns holder_ns runqueue_ns switch_ns mutex_ns retries
 *   blocks  = count, then per pair: waiter holder ns waits
 *   hist    = count, then per bucket: bucket count
 *
 * Every number is a signed 64-bit integer, zigzag-mapped (0 -1 1 -2 … → 0 1 2 3 …) and written in base 128, least
 * significant group first, bit 7 set on all groups but the last (LEB128). The shortest form is the only one accepted,
 * so that equal samples are equal bytes. A new field means a new version; old versions stay readable. */
#include "ops.h"

#include <errno.h>

#define VERSION 1
#define NUMBER_MAX 10 /* bytes of the longest 64-bit number */

/* Where the numbers of one element lie in its struct, in the order written. */
static const size_t thread_fields[] = {
	offsetof(struct bd_sample_thread, tid),
	offsetof(struct bd_sample_thread, ops),
	offsetof(struct bd_sample_thread, straddled),
	offsetof(struct bd_sample_thread, overrun_ns),
	offsetof(struct bd_sample_thread, cpu_ns),
	offsetof(struct bd_sample_thread, processor),
	offsetof(struct bd_sample_thread, voluntary),
	offsetof(struct bd_sample_thread, involuntary),
	offsetof(struct bd_sample_thread, waits),
	offsetof(struct bd_sample_thread, wait_ns),
	offsetof(struct bd_sample_thread, holder_ns),
	offsetof(struct bd_sample_thread, runqueue_ns),
	offsetof(struct bd_sample_thread, switch_ns),
	offsetof(struct bd_sample_thread, mutex_ns),
	offsetof(struct bd_sample_thread, retries),
};
static const size_t block_fields[] = {
	offsetof(struct bd_sample_block, waiter),
	offsetof(struct bd_sample_block, holder),
	offsetof(struct bd_sample_block, ns),
	offsetof(struct bd_sample_block, waits),
};
static const size_t bucket_fields[] = {
	offsetof(struct bd_sample_bucket, bucket),
	offsetof(struct bd_sample_bucket, count),
};
_Static_assert(sizeof(struct bd_sample_thread) == BD_LEN(thread_fields) * sizeof(int64_t),
	"a thread's field is not written");
_Static_assert(sizeof(struct bd_sample_block) == BD_LEN(block_fields) * sizeof(int64_t),
	"a block's field is not written");
_Static_assert(sizeof(struct bd_sample_bucket) == BD_LEN(bucket_fields) * sizeof(int64_t),
	"a bucket's field is not written");

static void put(struct bd_str *b, int64_t value)
{
	uint64_t z = ((uint64_t)value << 1) ^ (value < 0 ? UINT64_MAX : 0);
	unsigned char out[NUMBER_MAX];
	size_t n = 0;
	do {
		out[n++] = (unsigned char)((z & 0x7f) | (z > 0x7f ? 0x80 : 0));
		z >>= 7;
	} while (z);
	bd_str_append(b, out, n);
}

static void put_array(struct bd_str *b, const void *items, size_t n, size_t size, const size_t *fields,
	size_t fields_len)
{
	put(b, (int64_t)n);
	for (size_t i = 0; i < n; i++)
		for (size_t f = 0; f < fields_len; f++) {
			int64_t v;
			memcpy(&v, (const char *)items + i * size + fields[f], sizeof v);
			put(b, v);
		}
}

void bd_store_detail_encode(const struct bd_sample *s, struct bd_str *ret)
{
	const char version = VERSION;
	bd_str_append(ret, &version, 1);
	put_array(ret, s->threads, s->threads_len, sizeof *s->threads, thread_fields, BD_LEN(thread_fields));
	put_array(ret, s->blocks, s->blocks_len, sizeof *s->blocks, block_fields, BD_LEN(block_fields));
	put_array(ret, s->hist, s->hist_len, sizeof *s->hist, bucket_fields, BD_LEN(bucket_fields));
}

struct reader {
	const unsigned char *p, *end;
};

static int get(struct reader *r, int64_t *ret)
{
	uint64_t z = 0;
	for (unsigned shift = 0;; shift += 7) {
		if (r->p == r->end || shift > 63)
			return -EBADMSG;
		unsigned char c = *r->p++;
		if (shift == 63 && c > 1)
			return -EBADMSG; /* more than 64 bits */
		z |= (uint64_t)(c & 0x7f) << shift;
		if (c & 0x80)
			continue;
		if (c == 0 && shift > 0)
			return -EBADMSG; /* not the shortest form */
		break;
	}
	*ret = (int64_t)((z >> 1) ^ (z & 1 ? UINT64_MAX : 0));
	return 0;
}

static int get_array(struct reader *r, void **ret, size_t *ret_len, size_t size, const size_t *fields,
	size_t fields_len)
{
	int64_t n;
	if (get(r, &n) < 0)
		return -EBADMSG;
	/* every number takes a byte at least: a count beyond that is a lie, not a reason to allocate */
	if (n < 0 || (uint64_t)n > (uint64_t)(r->end - r->p) / fields_len)
		return -EBADMSG;
	if (n == 0)
		return 0;
	bd_auto_free char *items = bd_alloc((size_t)n * size);
	for (int64_t i = 0; i < n; i++)
		for (size_t f = 0; f < fields_len; f++) {
			int64_t v;
			if (get(r, &v) < 0)
				return -EBADMSG;
			memcpy(items + (size_t)i * size + fields[f], &v, sizeof v);
		}
	*ret = BD_TAKE_PTR(items);
	*ret_len = (size_t)n;
	return 0;
}

bool bd_store_detail_plausible(const struct bd_sample *s)
{
	const int64_t threads = (int64_t)s->threads_len;
	for (size_t i = 0; i < s->blocks_len; i++)
		if (s->blocks[i].waiter < 0 || s->blocks[i].waiter >= threads || s->blocks[i].holder < -1 ||
			s->blocks[i].holder >= threads)
			return false;
	for (size_t i = 0; i < s->hist_len; i++)
		if (s->hist[i].bucket < 0 || s->hist[i].bucket >= BD_HIST_BUCKETS || s->hist[i].count < 0)
			return false;
	return true;
}

int bd_store_detail_decode(const void *bytes, size_t len, struct bd_sample *ret)
{
	struct reader r = {.p = bytes, .end = (const unsigned char *)bytes + len};
	bd_auto_free void *threads = NULL;
	bd_auto_free void *blocks = NULL;
	bd_auto_free void *hist = NULL;
	struct bd_sample got = {0};
	if (len < 1 || *r.p++ != VERSION)
		return -EBADMSG;
	if (get_array(&r, &threads, &got.threads_len, sizeof *got.threads, thread_fields, BD_LEN(thread_fields)) < 0 ||
		get_array(&r, &blocks, &got.blocks_len, sizeof *got.blocks, block_fields, BD_LEN(block_fields)) < 0 ||
		get_array(&r, &hist, &got.hist_len, sizeof *got.hist, bucket_fields, BD_LEN(bucket_fields)) < 0 ||
		r.p != r.end)
		return -EBADMSG;
	got.threads = threads;
	got.blocks = blocks;
	got.hist = hist;
	if (!bd_store_detail_plausible(&got))
		return -EBADMSG;
	ret->threads = BD_TAKE_PTR(threads);
	ret->threads_len = got.threads_len;
	ret->blocks = BD_TAKE_PTR(blocks);
	ret->blocks_len = got.blocks_len;
	ret->hist = BD_TAKE_PTR(hist);
	ret->hist_len = got.hist_len;
	return 0;
}
