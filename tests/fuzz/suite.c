/* A suite file of any content, through the file. */
#include "bd_fuzz.h"
#include "bd_model.h"

#include <fcntl.h>
#include <unistd.h>

static char folder[] = "/dev/shm/bd-fuzz-suite-XXXXXX", file[sizeof folder + 16];

static void tidy(void)
{
	unlink(file);
	rmdir(folder);
}

void bd_fuzz_begin(void)
{
	BD_FUZZ_CHECK(mkdtemp(folder));
	snprintf(file, sizeof file, "%s/one.json", folder);
	atexit(tidy);
}

void bd_fuzz_one(const uint8_t *data, size_t len)
{
	bd_auto_close int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	BD_FUZZ_CHECK(fd >= 0 && write(fd, data, len) == (ssize_t)len);
	struct bd_suite s, again;
	struct bd_error err = {0};
	if (bd_suite_load(folder, "one", &s, &err) < 0) {
		BD_FUZZ_CHECK(bd_streq(err.key, "bad-suite") || bd_streq(err.key, "bad-json"));
		BD_FUZZ_CHECK(strstr(err.message, "one.json"));
		return;
	}
	BD_FUZZ_CHECK(bd_streq(s.name, "one") && !memchr(data, 0, len));
	bd_auto_json cJSON *json = bd_doc_encode(&bd_suite_doc, &s);
	bd_doc_init(&bd_suite_doc, &again);
	BD_FUZZ_CHECK(bd_doc_decode(&bd_suite_doc, json, &again, &err) == 0);
	free(s.name);
	s.name = NULL;
	bd_doc_done(&bd_suite_doc, &again);
	bd_doc_done(&bd_suite_doc, &s);
}
