/* The core inside a program that embeds a shared libpython (program.c). */
#include "bd_bench.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

const char *const bd_host_name = "embedded";

const char *bd_host_folder(void)
{
	return bd_program_dir();
}

static void check(PyStatus status)
{
	if (PyStatus_Exception(status))
		Py_ExitStatusException(status);
}

int bd_embed_main(void);
__attribute__((visibility("default"))) int bd_embed_main(void)
{
	PyConfig config;
	PyConfig_InitPythonConfig(
		&config); /* not isolated: PYTHONMALLOC, PYTHONHASHSEED, PYTHONPATH are the run's to choose */
	config.parse_argv = 0;
	config.install_signal_handlers = 0; /* a signal ends a worker */
	config.write_bytecode = 0;          /* an installed tree is read-only for most */
	config.safe_path = 1;
	const char *executable = bd_self_executable();
	check(PyConfig_SetBytesString(&config, &config.program_name, executable));
	check(PyConfig_SetBytesString(&config, &config.executable, executable));
	check(Py_InitializeFromConfig(&config));
	PyConfig_Clear(&config);
	signal(SIGPIPE, SIG_IGN); /* as python does: a closed pipe is an error of the write */
	bd_bench_serve();
}
