/* The probes' shared structs with the types user space has. */
#ifndef BD_TRACER_PROBE_TYPES_H
#define BD_TRACER_PROBE_TYPES_H

#include <linux/types.h>

#include "gil_counters.h"
#include "gil_events.h"

#endif
