/* What the doctor makes of a machine that is not this one. */
#include "bd_test.h"
#include "engine_internal.h"

BD_TEST(whose_memory_may_be_read)
{
	static const struct {
		char scope;
		bool without, with; /* CAP_SYS_PTRACE */
	} rows[] = {{0, true, true}, {'0', true, true}, {'1', false, true}, {'2', false, true}, {'3', false, false},
		{'x', false, false}};
	for (size_t i = 0; i < BD_LEN(rows); i++) {
		BD_CHECK_INT(!doctor_may_read(rows[i].scope, false), rows[i].without);
		BD_CHECK_INT(!doctor_may_read(rows[i].scope, true), rows[i].with);
	}
	BD_CHECK_STR(doctor_may_read('1', false), "sudo sysctl -w kernel.yama.ptrace_scope=0");
	/* that command is refused once it is 3 */
	BD_CHECK(!strstr(doctor_may_read('3', false), "sysctl -w"));
}

BD_TEST_MAIN
