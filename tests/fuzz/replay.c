/* In libFuzzer's place where there is none: feeds every file of a folder, by name, to the target. So what was found once
 * stays mended. */
#include "bd_fuzz.h"

#include <dirent.h>
#include <unistd.h>

static int hidden(const struct dirent *e)
{
	return e->d_name[0] != '.';
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
		return 64;
	}
	struct dirent **names = NULL;
	int n = scandir(argv[1], &names, hidden, alphasort);
	if (n <= 0) {
		fprintf(stderr, "no inputs in %s\n", argv[1]);
		return 1;
	}
	bd_fuzz_begin();
	for (int i = 0; i < n; i++) {
		bd_auto_free char *path = bd_printf("%s/%s", argv[1], names[i]->d_name), *bytes = NULL;
		size_t len;
		if (bd_file_read(path, 1 << 20, &bytes, &len) < 0) {
			fprintf(stderr, "cannot read %s\n", path);
			return 1;
		}
		printf("%s\n", names[i]->d_name); /* the last one printed is the one that ends it */
		fflush(stdout);
		bd_auto_free uint8_t *exact = malloc(len); /* not one byte more, so that a read beyond it is seen */
		if (len)
			memcpy(exact, bytes, len);
		bd_fuzz_one(exact, len);
		free(names[i]);
	}
	free(names);
	printf("%d inputs\n", n);
	return 0;
}
