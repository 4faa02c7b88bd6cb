#include "python_text.h"

static uint32_t character(const uint8_t *p, unsigned kind)
{
	switch (kind) {
	case 1:
		return p[0];
	case 2:
		return p[0] | (uint32_t)p[1] << 8;
	default:
		return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
	}
}

bool bd_python_text(struct bd_str *out, const uint8_t *data, size_t n, unsigned kind)
{
	if (kind != 1 && kind != 2 && kind != 4)
		return false;
	for (size_t i = 0; i < n; i++) {
		uint32_t c = character(data + i * kind, kind);
		if (c > 0x10ffff)
			return false;
		if (!c || (c >= 0xd800 && c < 0xe000))
			c = 0xfffd;
		char u[4];
		size_t len = 0;
		if (c < 0x80) {
			u[len++] = (char)c;
		} else if (c < 0x800) {
			u[len++] = (char)(0xc0 | c >> 6);
			u[len++] = (char)(0x80 | (c & 63));
		} else if (c < 0x10000) {
			u[len++] = (char)(0xe0 | c >> 12);
			u[len++] = (char)(0x80 | (c >> 6 & 63));
			u[len++] = (char)(0x80 | (c & 63));
		} else {
			u[len++] = (char)(0xf0 | c >> 18);
			u[len++] = (char)(0x80 | (c >> 12 & 63));
			u[len++] = (char)(0x80 | (c >> 6 & 63));
			u[len++] = (char)(0x80 | (c & 63));
		}
		bd_str_append(out, u, len);
	}
	return true;
}
