/* The client's reader of an event stream: however the bytes are cut into pieces on their way, the same events come out. */
#include "bd_fuzz.h"

#include <curl/curl.h>
#undef curl_easy_getinfo
#define curl_easy_getinfo(handle, what, ret) (void)(*(ret) = 200) /* there is no transfer here */
#include "../../daemon/client/events.c"

void bd_fuzz_begin(void)
{
}

static int note(const char *type, const cJSON *data, void *arg)
{
	bd_auto_free char *text = bd_json_text(data);
	bd_str_printf(arg, "%s %s\n", type, text);
	return bd_streq(type, "stop");
}

/* Everything that was heard, in pieces of that many bytes. */
static char *heard(const uint8_t *data, size_t len, size_t piece)
{
	bd_auto_str struct bd_str events = {0};
	struct stream s = {.fn = note, .arg = &events};
	for (size_t at = 0; at < len; at += piece) {
		size_t n = BD_MIN(piece, len - at);
		bd_auto_free uint8_t *exact = bd_alloc(n);
		memcpy(exact, data + at, n);
		if (receive((char *)exact, 1, n, &s) != n)
			break;
	}
	bd_str_printf(&events, "id %s final %d stop %d\n", s.last_id, s.final, s.stop);
	bd_str_done(&s.line);
	bd_str_done(&s.data);
	bd_str_done(&s.refusal);
	return bd_str_take(&events);
}

void bd_fuzz_one(const uint8_t *data, size_t len)
{
	if (!len)
		return;
	bd_auto_free char *whole = heard(data, len, len), *bytes = heard(data, len, 1),
			  *pieces = heard(data, len, 1 + data[len - 1] % 16);
	BD_FUZZ_CHECK(bd_streq(whole, bytes) && bd_streq(whole, pieces));
}
