#include "bd_bench.h"

#include <errno.h>

int bd_subinterpreter_new(bool own, PyThreadState **ret, struct bd_error *err)
{
#if PY_VERSION_HEX >= 0x030c0000
#ifdef Py_GIL_DISABLED
	const int strict = 1;
#else
	const int strict = own;
#endif
	const PyInterpreterConfig config = {.use_main_obmalloc = !own,
		.allow_fork = 0,
		.allow_exec = 0,
		.allow_threads = 1,
		.allow_daemon_threads = 0,
		.check_multi_interp_extensions = strict,
		.gil = own ? PyInterpreterConfig_OWN_GIL : PyInterpreterConfig_SHARED_GIL};
	PyStatus status = Py_NewInterpreterFromConfig(ret, &config);
	if (PyStatus_Exception(status))
		return bd_error_set(err, -EIO, "no-interpreter", "", "no interpreter: %s",
			status.err_msg ? status.err_msg : "no reason was given");
#else
	if (own)
		return bd_error_set(err, -ENOTSUP, "no-own-gil", "Python 3.12 or newer, or the shared GIL",
			"before Python 3.12 all interpreters of a process share one GIL");
	PyThreadState *made = Py_NewInterpreter();
	if (!made)
		return bd_error_set(err, -EIO, "no-interpreter", "", "no interpreter, and no reason was given");
	*ret = made;
#endif
	return 0;
}
