/* Built with the headers of one interpreter, and WITH_LIBRARY linked with its libpython: prints what each of the two says,
 * so that configure can compare them with what the executable said (cmake/Interpreters.cmake). */
#include <Python.h>
#include <stdio.h>

int main(void)
{
	int free_threaded = 0, debug = 0;
#ifdef Py_GIL_DISABLED
	free_threaded = 1;
#endif
#ifdef Py_DEBUG
	debug = 1;
#endif
	printf("{\"hexversion\":%ld,\"free_threaded\":%s,\"debug\":%s,\"library\":\"", (long)PY_VERSION_HEX,
		free_threaded ? "true" : "false", debug ? "true" : "false");
#ifdef WITH_LIBRARY
	int space = 0;
	for (const char *s = Py_GetVersion(); *s; s++) {
		int blank = *s == '\n' || *s == ' ';
		if (!blank || !space)
			putchar(blank ? ' ' : *s == '"' || *s == '\\' ? '_' : *s);
		space = blank;
	}
#endif
	printf("\"}\n");
	return 0;
}
