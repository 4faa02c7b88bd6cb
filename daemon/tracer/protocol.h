/* Between benchd and bench-tracer: fixed-size records over a SOCK_SEQPACKET pair, both ends of one build. A request is
 * one packet; its answer is one reply packet, then the records it announces: GILs, threads, blocks, buckets, each kind
 * in packets of at most BD_TRACE_PACKET records; what was drained, in packets of at most BD_TRACE_DRAIN_PACKET bytes. The first reply comes unasked, once the tracer can (or cannot) trace. */
#ifndef BD_TRACER_PROTOCOL_H
#define BD_TRACER_PROTOCOL_H

#include "bd_tracer.h"

#define BD_TRACE_PROTOCOL 2
#define BD_TRACE_FD 3
#define BD_TRACE_PACKET 1024
#define BD_TRACE_DRAIN_PACKET (64 << 10)
#define BD_TRACE_DRAIN_MAX (8 << 20) /* of one answer; the rest comes with the next */

enum bd_trace_op {
	BD_TRACE_ATTACH = 1,
	BD_TRACE_GILS,
	BD_TRACE_READ,
	BD_TRACE_DETACH,
	/* level events */
	BD_TRACE_AWAIT,
	BD_TRACE_INFO, /* its answer is followed by one struct bd_tracer_info */
	BD_TRACE_DRAIN,
	BD_TRACE_PAUSE,
};

struct bd_trace_request {
	uint32_t op;
	int32_t pid, target;
	int32_t value; /* of drain: milliseconds; of pause: 1 or 0 */
};

struct bd_trace_reply {
	uint32_t protocol;
	int32_t target;
	uint32_t gils, threads, blocks, buckets;
	uint64_t lost;
	/* of drain */
	uint64_t bytes, cpu_ns;
	uint32_t alive, gils_change;
	struct bd_error error; /* code 0: none */
};

#endif
