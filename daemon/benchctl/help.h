/* Inside bd_benchctl: what help texts and manual pages both say. */
#ifndef BD_BENCHCTL_HELP_H
#define BD_BENCHCTL_HELP_H

#include "bd_benchctl.h"

extern const char help_about[], help_example[];
extern const char *const help_statuses[][2], *const help_environment[][2];
extern const size_t help_statuses_len, help_environment_len;

#endif
