#include "bd_base.h"

#include <errno.h>
#include <pthread.h>
#include <sys/random.h>

static uint64_t splitmix(uint64_t *x)
{
	uint64_t z = *x += 0x9e3779b97f4a7c15U;
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
	return z ^ (z >> 31);
}

void bd_rng_init(struct bd_rng *r, uint64_t seed)
{
	for (size_t i = 0; i < 4; i++)
		r->s[i] = splitmix(&seed);
}

static uint64_t rotl(uint64_t x, int k)
{
	return (x << k) | (x >> (64 - k));
}

uint64_t bd_rng_next(struct bd_rng *r)
{
	uint64_t *s = r->s, out = rotl(s[1] * 5, 7) * 9, t = s[1] << 17;
	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotl(s[3], 45);
	return out;
}

uint64_t bd_rng_below(struct bd_rng *r, uint64_t n)
{
	uint64_t limit = UINT64_MAX - UINT64_MAX % n, x;
	do
		x = bd_rng_next(r);
	while (x >= limit);
	return x % n;
}

double bd_rng_unit(struct bd_rng *r)
{
	return (double)(bd_rng_next(r) >> 11) * 0x1p-53;
}

void bd_rng_shuffle(struct bd_rng *r, size_t *v, size_t n)
{
	for (size_t i = n; i > 1; i--) {
		size_t j = bd_rng_below(r, i), t = v[i - 1];
		v[i - 1] = v[j];
		v[j] = t;
	}
}

int bd_random_bytes(void *p, size_t n)
{
	unsigned char *b = p;
	while (n) {
		ssize_t k = getrandom(b, n, 0);
		if (k < 0) {
			if (errno == EINTR)
				continue;
			return -errno;
		}
		b += k;
		n -= (size_t)k;
	}
	return 0;
}

void bd_ulid(char out[BD_ULID_LEN])
{
	static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static unsigned char last[16];
	unsigned char b[16];
	uint64_t ms = (uint64_t)bd_clock_real_ns() / 1000000;
	for (int i = 0; i < 6; i++)
		b[i] = (unsigned char)(ms >> (8 * (5 - i)));
	pthread_mutex_lock(&lock);
	if (bd_random_bytes(b + 6, 10) < 0)
		abort();
	if (memcmp(b, last, 6) <= 0) {
		/* same millisecond (or a clock that went back): the successor of the last one keeps the order */
		memcpy(b, last, 16);
		for (int i = 15; i >= 0 && ++b[i] == 0; i--)
			;
	}
	memcpy(last, b, 16);
	pthread_mutex_unlock(&lock);
	unsigned __int128 v = 0;
	for (int i = 0; i < 16; i++)
		v = v << 8 | b[i];
	for (int i = 25; i >= 0; i--, v >>= 5)
		out[i] = alphabet[(unsigned)v & 31];
	out[26] = 0;
}

uint64_t bd_hash(const void *p, size_t n)
{
	const unsigned char *b = p;
	uint64_t h = 0xcbf29ce484222325U;
	for (size_t i = 0; i < n; i++)
		h = (h ^ b[i]) * 0x100000001b3U;
	return h;
}

bool bd_equal_secret(const char *a, const char *b)
{
	size_t na = strlen(a), nb = strlen(b);
	unsigned char diff = na != nb;
	for (size_t i = 0; i < nb; i++)
		diff |= (unsigned char)(a[na ? i % na : 0] ^ b[i]);
	return diff == 0;
}
