/* Scalars, sequences, calls back: what the cases of conversion and of calls hand over. */
#include "bd_kernels.h"

#include <pthread.h>
#include <string.h>

static void count(void)
{
	struct bd_kernel_slot *s = bd_kernel_own_slot();
	__atomic_store_n(&s->calls, s->calls + 1, __ATOMIC_RELAXED);
}

static void count_data(const void *data, uint64_t bytes)
{
	struct bd_kernel_slot *s = bd_kernel_own_slot();
	s->data = data;
	s->data_len = bytes;
	__atomic_store_n(&s->calls, s->calls + 1, __ATOMIC_RELAXED);
}

/* ---- scalars ------------------------------------------------------------------------------------------------- */

uint64_t bd_kernel_tick(void)
{
	struct bd_kernel_slot *s = bd_kernel_own_slot();
	s->chain = s->chain * BD_KERNEL_MUL + BD_KERNEL_ADD;
	__atomic_store_n(&s->calls, s->calls + 1, __ATOMIC_RELAXED);
	return s->chain & BD_KERNEL_MASK;
}

int64_t bd_kernel_plusone(int64_t x)
{
	return (int64_t)((uint64_t)x + 1); /* wraps */
}

#define U(a) ((uint64_t)(a))
#define SUM_1 U(a0)
#define SUM_2 SUM_1 + U(a1)
#define SUM_3 SUM_2 + U(a2)
#define SUM_4 SUM_3 + U(a3)
#define SUM_6 SUM_4 + U(a4) + U(a5)
#define SUM_8 SUM_6 + U(a6) + U(a7)
#define SUM_16 SUM_8 + U(a8) + U(a9) + U(a10) + U(a11) + U(a12) + U(a13) + U(a14) + U(a15)
#define REAL_1 a0
#define REAL_2 REAL_1 + a1
#define REAL_3 REAL_2 + a2
#define REAL_4 REAL_3 + a3
#define REAL_6 REAL_4 + a4 + a5
#define REAL_8 REAL_6 + a6 + a7
#define REAL_16 REAL_8 + a8 + a9 + a10 + a11 + a12 + a13 + a14 + a15
#define DEFINE(K)                                              \
	int64_t bd_kernel_i64_##K(BD_KERNEL_ARGS_##K(int64_t)) \
	{                                                      \
		count();                                       \
		return (int64_t)((SUM_##K) & BD_KERNEL_MASK);  \
	}                                                      \
	double bd_kernel_f64_##K(BD_KERNEL_ARGS_##K(double))   \
	{                                                      \
		count();                                       \
		return REAL_##K;                               \
	}                                                      \
	bool bd_kernel_bool_##K(BD_KERNEL_ARGS_##K(bool))      \
	{                                                      \
		count();                                       \
		return ((SUM_##K) & 1) != 0;                   \
	}
BD_KERNEL_COUNTS(DEFINE)

/* ---- sequences ------------------------------------------------------------------------------------------------ */

uint64_t bd_kernel_sum_i64(uint64_t x, const int64_t *v, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		x += (uint64_t)v[i];
	count_data(v, n * sizeof *v);
	return x & BD_KERNEL_MASK;
}

/* Four sums, so that memory is the limit and not the latency of an addition. */
double bd_kernel_sum_f64(const double *v, uint64_t n)
{
	double sum[4] = {0};
	uint64_t i = 0;
	for (; i + 4 <= n; i += 4)
		for (int k = 0; k < 4; k++)
			sum[k] += v[i + (uint64_t)k];
	for (; i < n; i++)
		sum[i & 3] += v[i];
	count_data(v, n * sizeof *v);
	return sum[0] + sum[1] + sum[2] + sum[3];
}

double bd_kernel_sum_f64_strided(const double *v, uint64_t n, int64_t stride_bytes)
{
	double sum = 0;
	const char *at = (const char *)v;
	for (uint64_t i = 0; i < n; i++, at += stride_bytes) {
		double d;
		memcpy(&d, at, sizeof d);
		sum += d;
	}
	count_data(v, n * sizeof *v);
	return sum;
}

static uint64_t text_sum(const char *text, uint64_t len)
{
	return len + (len ? (unsigned char)*text : 0);
}

uint64_t bd_kernel_sum_texts(uint64_t x, const char *const *text, const uint64_t *len, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		x += text_sum(text[i], len[i]);
	count();
	return x & BD_KERNEL_MASK;
}

uint64_t bd_kernel_sum_pairs(uint64_t x, const struct bd_kernel_pair *v, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		x += text_sum(v[i].key, v[i].key_len) + (uint64_t)v[i].value;
	count();
	return x & BD_KERNEL_MASK;
}

uint64_t bd_kernel_sum_rows(uint64_t x, const struct bd_kernel_row *v, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		x += text_sum(v[i].name, v[i].name_len) + (uint64_t)v[i].id + (uint64_t)(int64_t)v[i].weight;
	count();
	return x & BD_KERNEL_MASK;
}

void bd_kernel_fill(uint64_t x, void *data, uint64_t n)
{
	memset(data, (int)(x & 0xff), n);
	count_data(data, n);
}

void bd_kernel_fill_i64(uint64_t x, int64_t *v, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		v[i] = (int64_t)((x + i) & BD_KERNEL_MASK);
	count_data(v, n * sizeof *v);
}

void bd_kernel_fill_f64(uint64_t x, double *v, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		v[i] = (double)((x + i) & BD_KERNEL_MASK);
	count_data(v, n * sizeof *v);
}

uint64_t bd_kernel_text(uint64_t x, uint64_t i, char *out)
{
	char digits[BD_KERNEL_TEXT];
	uint64_t n = 0;
	x = (x + i) & BD_KERNEL_MASK;
	do
		digits[n++] = (char)('0' + x % 10);
	while (x /= 10);
	for (uint64_t k = 0; k < n; k++)
		out[k] = digits[n - 1 - k];
	return n;
}

/* ---- calls back, errors ---------------------------------------------------------------------------------------- */

static uint64_t call_back(uint64_t x, uint64_t n, uint64_t (*f)(void *arg, uint64_t x), void *arg)
{
	for (; n; n--) {
		x = f(arg, x);
		if (x == BD_KERNEL_STOP)
			return x;
		x &= BD_KERNEL_MASK;
	}
	return x;
}

uint64_t bd_kernel_callback(uint64_t x, uint64_t n, uint64_t (*f)(void *arg, uint64_t x), void *arg)
{
	x = call_back(x, n, f, arg);
	count();
	return x;
}

struct foreign {
	uint64_t x, n;
	uint64_t (*f)(void *arg, uint64_t x);
	void *arg;
};

static void *foreign_thread(void *arg)
{
	struct foreign *t = arg;
	t->x = call_back(t->x, t->n, t->f, t->arg);
	return NULL;
}

uint64_t bd_kernel_callback_foreign(uint64_t x, uint64_t n, uint64_t (*f)(void *arg, uint64_t x), void *arg)
{
	struct foreign t = {x, n, f, arg};
	pthread_t thread;
	count();
	if (pthread_create(&thread, NULL, foreign_thread, &t) != 0)
		return BD_KERNEL_STOP;
	pthread_join(thread, NULL);
	return t.x;
}

__attribute__((noinline)) int bd_kernel_fail(uint64_t depth)
{
	if (depth == 0) {
		count();
		return -1;
	}
	int r = bd_kernel_fail(depth - 1);
	__asm__ volatile("" : "+r"(r)); /* no tail call: frames are the point */
	return r;
}
