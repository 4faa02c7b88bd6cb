/* The worker's side of the protocol: any bytes from the daemon through the worker's own reader, which ends the process at
 * nonsense. Here that end is a jump back, so what the process still owns is left to it: no leaks are looked for. */
#include "bd_fuzz.h"

#include <setjmp.h>
#include <unistd.h>

static jmp_buf ended;
static _Noreturn void end(int status)
{
	longjmp(ended, status + 1);
}
#define _exit end
#include "../../workloads/worker/wire.c"
#undef _exit

int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void)
{
	return 1;
}

static int answers[2];

void bd_fuzz_begin(void)
{
	BD_FUZZ_CHECK(pipe2(answers, O_CLOEXEC | O_NONBLOCK) == 0);
}

/* Answers come out as the daemon reads them: lines of JSON objects with a type. */
static void check_answers(void)
{
	static char text[1 << 17];
	ssize_t n = read(answers[0], text, sizeof text - 1);
	if (n <= 0)
		return;
	text[n] = 0;
	BD_FUZZ_CHECK(text[n - 1] == '\n');
	bd_auto_strv struct bd_strv lines = {0};
	bd_strv_split(&lines, text, '\n');
	for (size_t i = 0; i + 1 < lines.n; i++) {
		bd_auto_json cJSON *j = cJSON_Parse(lines.v[i]);
		BD_FUZZ_CHECK(cJSON_IsString(cJSON_GetObjectItemCaseSensitive(j, "type")));
	}
}

void bd_fuzz_one(const uint8_t *data, size_t len)
{
	int in[2];
	if (len > 60000)
		return;
	BD_FUZZ_CHECK(pipe2(in, O_CLOEXEC) == 0 && write(in[1], data, len) == (ssize_t)len);
	bd_closep(&in[1]);
	int out = dup(answers[1]); /* the reader takes both */
	bd_auto_free char *fds = bd_printf("%d,%d", in[0], out);
	setenv("BENCHD_FDS", fds, 1);
	BD_FUZZ_CHECK(bd_wire_open_nogil() == 0 && !getenv("BENCHD_FDS"));
	have = 0;
	int status = setjmp(ended);
	if (status == 0) {
		cJSON *message;
		while ((message = bd_wire_read_nogil())) {
			BD_FUZZ_CHECK(cJSON_IsObject(message));
			const char *what = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(message, "type"));
			bd_wire_log_nogil("debug", "%.1000s", what ? what : "");
			cJSON_Delete(message);
		}
	} else {
		BD_FUZZ_CHECK(status == 71);
	}
	bd_wire_close_nogil();
	check_answers();
}
