// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* Programs that do nothing where the tracer's are: what bpf_stats itself and being called cost. */
#include "kernel.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

SEC("tp_btf/sched_switch")
int BPF_PROG(none_switch, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	return 0;
}

SEC("tp_btf/sched_waking")
int BPF_PROG(none_waking, struct task_struct *task)
{
	return 0;
}
