#include "demangle.h"

#include "bd_base.h"

#include <dlfcn.h>
#include <pthread.h>

#define SYMBOL_MAX 1024 /* longer ones are of nobody's writing, and slow */

/* The only one there is belongs to the C++ runtime, which a C program does not link: where it is installed, it is used. */
static char *(*cxa_demangle)(const char *, char *, size_t *, int *);

static void load(void)
{
	void *library = dlopen("libstdc++.so.6", RTLD_NOW | RTLD_LOCAL);
	void *f = library ? dlsym(library, "__cxa_demangle") : NULL;
	memcpy(&cxa_demangle, &f, sizeof f);
}

char *bd_demangle(const char *symbol)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	if (!bd_starts_with(symbol, "_Z") || strlen(symbol) > SYMBOL_MAX)
		return NULL;
	pthread_once(&once, load);
	int status = 0;
	return cxa_demangle ? cxa_demangle(symbol, NULL, NULL, &status) : NULL;
}
