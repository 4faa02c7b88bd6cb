/* Who and what may be traced: looked up by pidfd first, so that a number given to another process meanwhile changes nothing. */
#ifndef BD_TRACER_RIGHTS_H
#define BD_TRACER_RIGHTS_H

#include "layout.h"

/* Errors: no-such-process. */
int bd_process_open(pid_t pid, struct bd_process *ret, int *ret_pidfd, struct bd_error *err);
int bd_process_gone(pid_t pid, struct bd_error *err); /* sets that error */
bool bd_pidfd_alive(int pidfd);

/* Root may trace any; others what is wholly theirs and has no capabilities. Errors: not-permitted, no-such-process. */
int bd_process_may_trace(const struct bd_process *p, struct bd_error *err);
/* What can never be a CPython we know, by its name. Errors: layout-unknown. */
int bd_process_suits(const struct bd_process *p, struct bd_error *err);

#endif
