/* The tables of every document: the only place that knows the JSON names. */
#include "bd_model.h"

#define F(s, T, m)                                                            \
	{                                                                     \
		.name = #m, .type = BD_F_##T, .offset = offsetof(struct s, m) \
	}
#define FN(s, T, json, m)                                                       \
	{                                                                       \
		.name = json, .type = BD_F_##T, .offset = offsetof(struct s, m) \
	}
#define FD(s, T, m, d)                                                                     \
	{                                                                                  \
		.name = #m, .type = BD_F_##T, .offset = offsetof(struct s, m), .doc = &(d) \
	}
#define FR(s, T, m)                                                                             \
	{                                                                                       \
		.name = #m, .type = BD_F_##T, .offset = offsetof(struct s, m), .required = true \
	}
#define FNR(s, T, json, m)                                                                        \
	{                                                                                         \
		.name = json, .type = BD_F_##T, .offset = offsetof(struct s, m), .required = true \
	}
#define DOC(id, s, schema_name, is_lenient)       \
	const struct bd_doc id = {.name = #s,     \
		.schema = schema_name,            \
		.size = sizeof(struct s),         \
		.fields = s##_fields,             \
		.fields_len = BD_LEN(s##_fields), \
		.lenient = is_lenient}

static const struct bd_field bd_reason_fields[] = {F(bd_reason, STRING, check), FR(bd_reason, STRING, key),
	FR(bd_reason, STRING, message), F(bd_reason, STRING, hint)};
DOC(bd_reason_doc, bd_reason, NULL, true);

/* ---- what is asked for */

static const struct bd_field bd_side_fields[] = {F(bd_side, STRING, label), F(bd_side, STRING, registered),
	F(bd_side, STRING, target), F(bd_side, MAP, axes), F(bd_side, MAP, env)};
static DOC(side_doc, bd_side, NULL, false);
static const struct bd_field bd_sides_fields[] = {FD(bd_sides, OBJECT, a, side_doc), FD(bd_sides, OBJECT, b, side_doc)};
static DOC(sides_doc, bd_sides, NULL, false);

static const struct bd_field bd_request_fields[] = {FR(bd_request, STRING, target), F(bd_request, STRING, kind),
	FD(bd_request, OPTIONAL, sides, sides_doc), F(bd_request, CHOICES, axes), F(bd_request, STRINGS, cases),
	F(bd_request, DOUBLE, budget_s), F(bd_request, INT, launches), F(bd_request, INT, rounds),
	F(bd_request, INT, seed), F(bd_request, DOUBLE, precision), F(bd_request, DOUBLE, equivalence),
	F(bd_request, STRING, trace), F(bd_request, MAP, labels), F(bd_request, MAP, env),
	F(bd_request, DOUBLE, wait_s), F(bd_request, BOOL, dry_run)};
DOC(bd_request_doc, bd_request, NULL, false);

static const struct bd_field bd_registered_fields[] = {FR(bd_registered, STRING, kind), F(bd_registered, STRING, path),
	F(bd_registered, STRINGS, argv), F(bd_registered, MAP, env), F(bd_registered, STRING, cwd),
	F(bd_registered, STRING, name), F(bd_registered, JSON, manifest), F(bd_registered, STRING, calls)};
DOC(bd_registered_doc, bd_registered, "benchd.registered.v1", false);

static const struct bd_field bd_suite_defaults_fields[] = {F(bd_suite_defaults, DOUBLE, budget_s),
	F(bd_suite_defaults, INT, launches), F(bd_suite_defaults, INT, rounds), F(bd_suite_defaults, STRING, trace),
	F(bd_suite_defaults, STRING, batch)};
static DOC(suite_defaults_doc, bd_suite_defaults, NULL, false);

static const struct bd_field bd_suite_fields[] = {F(bd_suite, STRING, name), FR(bd_suite, STRING, summary),
	FR(bd_suite, STRINGS, cases), F(bd_suite, CHOICES, axes), F(bd_suite, MAP, reference),
	FD(bd_suite, OBJECT, defaults, suite_defaults_doc)};
DOC(bd_suite_doc, bd_suite, NULL, false);

/* ---- catalogue */

static const struct bd_field bd_case_param_fields[] = {FR(bd_case_param, STRING, name),
	F(bd_case_param, STRING, summary), FR(bd_case_param, STRINGS, values)};
static DOC(case_param_doc, bd_case_param, NULL, true);

static const struct bd_field bd_case_info_fields[] = {FR(bd_case_info, STRING, name), F(bd_case_info, STRING, summary),
	FR(bd_case_info, STRING, shape), F(bd_case_info, STRING, plain),
	FD(bd_case_info, ARRAY, params, case_param_doc), F(bd_case_info, INT, target),
	FD(bd_case_info, OPTIONAL, reason, bd_reason_doc), F(bd_case_info, STRING, affinity),
	F(bd_case_info, DOUBLE, timeout_s), F(bd_case_info, STRINGS, needs), F(bd_case_info, STRINGS, bindings),
	F(bd_case_info, BOOL, process), F(bd_case_info, BOOL, measures_memory)};
static DOC(case_info_doc, bd_case_info, NULL, true);

static const struct bd_field bd_variant_info_fields[] = {FR(bd_variant_info, STRING, name),
	FD(bd_variant_info, OPTIONAL, unsupported, bd_reason_doc), F(bd_variant_info, STRING, caller),
	F(bd_variant_info, STRINGS, functions), F(bd_variant_info, MAP, absent)};
DOC(bd_variant_info_doc, bd_variant_info, NULL, true);

static const struct bd_field bd_binding_info_fields[] = {FR(bd_binding_info, STRING, name),
	F(bd_binding_info, STRING, summary), FR(bd_binding_info, STRINGS, variants),
	FD(bd_binding_info, OPTIONAL, unsupported, bd_reason_doc), F(bd_binding_info, BOOL, counted),
	FD(bd_binding_info, ARRAY, variant_info, bd_variant_info_doc), F(bd_binding_info, JSON, built)};
DOC(bd_binding_info_doc, bd_binding_info, NULL, true);

static const struct bd_field bd_catalogue_fields[] = {FD(bd_catalogue, ARRAY, cases, case_info_doc),
	FD(bd_catalogue, ARRAY, bindings, bd_binding_info_doc)};
DOC(bd_catalogue_doc, bd_catalogue, NULL, true);

/* ---- the run document */

static const struct bd_field bd_estimate_fields[] = {F(bd_estimate, DOUBLE, median), F(bd_estimate, DOUBLE, lo),
	F(bd_estimate, DOUBLE, hi), F(bd_estimate, DOUBLE, min), F(bd_estimate, DOUBLE, mad)};
static DOC(estimate_doc, bd_estimate, NULL, true);

static const struct bd_field bd_interval_fields[] = {F(bd_interval, DOUBLE, median), F(bd_interval, DOUBLE, lo),
	F(bd_interval, DOUBLE, hi)};
static DOC(interval_doc, bd_interval, NULL, true);

static const struct bd_field bd_ratio_fields[] = {FR(bd_ratio, STRING, to), F(bd_ratio, DOUBLE, median),
	F(bd_ratio, DOUBLE, lo), F(bd_ratio, DOUBLE, hi)};
static DOC(ratio_doc, bd_ratio, NULL, true);

static const struct bd_field bd_blocker_fields[] = {F(bd_blocker, INT, waiter), F(bd_blocker, INT, holder),
	F(bd_blocker, INT, ns), F(bd_blocker, INT, waits)};
static DOC(blocker_doc, bd_blocker, NULL, true);

static const struct bd_field bd_gil_result_fields[] = {F(bd_gil_result, STRING, mode), F(bd_gil_result, INT, waits),
	F(bd_gil_result, INT, wait_ns), F(bd_gil_result, DOUBLE, wait_share), F(bd_gil_result, INT, holder_ns),
	F(bd_gil_result, INT, runqueue_ns), F(bd_gil_result, INT, switch_ns), F(bd_gil_result, INT, mutex_ns),
	F(bd_gil_result, INT, p50_ns), F(bd_gil_result, INT, p99_ns), F(bd_gil_result, INT, max_ns),
	F(bd_gil_result, INT, retries), F(bd_gil_result, INT, lost), FD(bd_gil_result, ARRAY, blockers, blocker_doc),
	{.name = "cost",
		.type = BD_F_OPTIONAL,
		.offset = offsetof(struct bd_gil_result, cost),
		.doc = &interval_doc,
		.omit_null = true},
	FD(bd_gil_result, OPTIONAL, reason, bd_reason_doc)};
static DOC(gil_result_doc, bd_gil_result, NULL, true);

static const struct bd_field bd_thread_result_fields[] = {F(bd_thread_result, INT, index),
	F(bd_thread_result, INT, tid), F(bd_thread_result, INT, ops), F(bd_thread_result, INT, cpu_ns),
	F(bd_thread_result, INT, wait_ns), F(bd_thread_result, INT, waits)};
static DOC(thread_result_doc, bd_thread_result, NULL, true);

static const struct bd_field bd_memory_result_fields[] = {F(bd_memory_result, INT, rss_peak_bytes),
	F(bd_memory_result, INT, rss_bytes), F(bd_memory_result, DOUBLE, bytes_per_op),
	F(bd_memory_result, DOUBLE, allocations_per_op), F(bd_memory_result, DOUBLE, allocated_bytes_per_op),
	F(bd_memory_result, INT, allocator_bytes)};
static DOC(memory_result_doc, bd_memory_result, NULL, true);

static const struct bd_field bd_cell_result_fields[] = {FR(bd_cell_result, STRING, id),
	FNR(bd_cell_result, STRING, "case", case_name), F(bd_cell_result, AXES, axes),
	F(bd_cell_result, STRING, series), FR(bd_cell_result, STRING, status), F(bd_cell_result, BOOL, complete),
	FD(bd_cell_result, OPTIONAL, reason, bd_reason_doc), F(bd_cell_result, INT, samples),
	F(bd_cell_result, INT, iterations), F(bd_cell_result, DOUBLE, u_actual_ns),
	F(bd_cell_result, DOUBLE, cpu_ns_per_op), F(bd_cell_result, DOUBLE, ctx_switches_per_op),
	F(bd_cell_result, DOUBLE, fairness), F(bd_cell_result, JSON, modes),
	FD(bd_cell_result, OPTIONAL, time_ns_per_op, estimate_doc),
	FD(bd_cell_result, OPTIONAL, throughput_ops_s, interval_doc), F(bd_cell_result, JSON, latency_ns),
	FD(bd_cell_result, OPTIONAL, ratio, ratio_doc), FD(bd_cell_result, OPTIONAL, scaling, interval_doc),
	FD(bd_cell_result, OPTIONAL, scaling_reason, bd_reason_doc), F(bd_cell_result, STRING, steady),
	F(bd_cell_result, BOOL, oversubscribed), FD(bd_cell_result, OPTIONAL, gil, gil_result_doc),
	FD(bd_cell_result, ARRAY, threads, thread_result_doc), FD(bd_cell_result, OPTIONAL, memory, memory_result_doc),
	FD(bd_cell_result, OPTIONAL, memory_reason, bd_reason_doc),
	FD(bd_cell_result, OPTIONAL, first_call_ns, interval_doc), F(bd_cell_result, INT, launches),
	F(bd_cell_result, STRING, stopped), F(bd_cell_result, STRING, verdict), F(bd_cell_result, DOUBLE, p),
	F(bd_cell_result, DOUBLE, p_adjusted), F(bd_cell_result, DOUBLE, smallest_effect),
	F(bd_cell_result, DOUBLE, equivalence), FD(bd_cell_result, ARRAY, notes, bd_reason_doc),
	F(bd_cell_result, JSON, provenance)};
DOC(bd_cell_result_doc, bd_cell_result, NULL, true);

static const struct bd_field bd_noise_fields[] = {FR(bd_noise, STRING, kind), FR(bd_noise, STRING, cell),
	F(bd_noise, DOUBLE, ratio), F(bd_noise, DOUBLE, lo), F(bd_noise, DOUBLE, hi),
	F(bd_noise, DOUBLE, smallest_effect), F(bd_noise, INT, launches)};
static DOC(noise_doc, bd_noise, NULL, true);

static const struct bd_field bd_run_head_fields[] = {F(bd_run_head, STRING, id), F(bd_run_head, STRING, suite),
	F(bd_run_head, STRING, kind), F(bd_run_head, STRING, state), FD(bd_run_head, OPTIONAL, reason, bd_reason_doc),
	F(bd_run_head, STRING, started), F(bd_run_head, DOUBLE, wall_s), F(bd_run_head, DOUBLE, setup_s),
	F(bd_run_head, DOUBLE, measure_s), F(bd_run_head, DOUBLE, batch_s), F(bd_run_head, INT, seed),
	F(bd_run_head, INT, launches), F(bd_run_head, INT, rounds), F(bd_run_head, MAP, labels),
	F(bd_run_head, STRING, comparability_key), F(bd_run_head, JSON, environment), F(bd_run_head, JSON, plan),
	F(bd_run_head, JSON, machine), F(bd_run_head, STRING, noise_line)};
static DOC(run_head_doc, bd_run_head, NULL, true);

static const struct bd_field bd_run_document_fields[] = {FD(bd_run_document, OBJECT, run, run_head_doc),
	FD(bd_run_document, ARRAY, noise, noise_doc), FD(bd_run_document, ARRAY, cells, bd_cell_result_doc),
	{.name = "comparability",
		.type = BD_F_JSON,
		.offset = offsetof(struct bd_run_document, comparability),
		.omit_null = true},
	{.name = "check", .type = BD_F_JSON, .offset = offsetof(struct bd_run_document, check), .omit_null = true}};
DOC(bd_run_document_doc, bd_run_document, "benchd.run.v1", true);

static const struct bd_field bd_statuses_fields[] = {F(bd_statuses, INT, ok), F(bd_statuses, INT, unsupported),
	F(bd_statuses, INT, invalid), F(bd_statuses, INT, failed), F(bd_statuses, INT, interrupted)};
static DOC(statuses_doc, bd_statuses, NULL, true);

static const struct bd_field bd_run_row_fields[] = {FR(bd_run_row, STRING, id), F(bd_run_row, STRING, suite),
	F(bd_run_row, STRING, kind), FR(bd_run_row, STRING, state), FD(bd_run_row, OPTIONAL, reason, bd_reason_doc),
	F(bd_run_row, STRING, started), F(bd_run_row, DOUBLE, wall_s), F(bd_run_row, MAP, labels),
	F(bd_run_row, INT, cells), FD(bd_run_row, OBJECT, statuses, statuses_doc), F(bd_run_row, STRING, verdict)};
static DOC(run_row_doc, bd_run_row, NULL, true);

static const struct bd_field bd_run_list_fields[] = {FD(bd_run_list, ARRAY, runs, run_row_doc),
	F(bd_run_list, STRING, next)};
DOC(bd_run_list_doc, bd_run_list, NULL, true);

static const struct bd_field bd_series_last_fields[] = {F(bd_series_last, STRING, run),
	F(bd_series_last, STRING, started)};
static DOC(series_last_doc, bd_series_last, NULL, true);

/* Finding out which metrics have points takes a look at all of them: lists go without. */
static const struct bd_field bd_series_fields[] = {F(bd_series, STRING, id), FN(bd_series, STRING, "case", case_name),
	F(bd_series, STRING, cell), F(bd_series, AXES, axes), F(bd_series, INT, runs),
	FD(bd_series, OBJECT, last, series_last_doc), F(bd_series, STRINGS, metrics)};
DOC(bd_series_doc, bd_series, NULL, true);
static const struct bd_doc series_row_doc = {.name = "series",
	.size = sizeof(struct bd_series),
	.fields = bd_series_fields,
	.fields_len = BD_LEN(bd_series_fields) - 1,
	.lenient = true};

static const struct bd_field bd_series_list_fields[] = {FD(bd_series_list, ARRAY, series, series_row_doc),
	F(bd_series_list, STRING, next)};
DOC(bd_series_list_doc, bd_series_list, NULL, true);

static const struct bd_field bd_point_fields[] = {F(bd_point, STRING, run), F(bd_point, STRING, started),
	F(bd_point, STRING, suite), F(bd_point, STRING, status), F(bd_point, BOOL, complete),
	F(bd_point, DOUBLE, value), F(bd_point, DOUBLE, lo), F(bd_point, DOUBLE, hi),
	{.name = "to", .type = BD_F_STRING, .offset = offsetof(struct bd_point, to), .omit_null = true},
	F(bd_point, STRING, comparability_key), FD(bd_point, OPTIONAL, reason, bd_reason_doc)};
static DOC(point_doc, bd_point, NULL, true);

static const struct bd_field bd_points_document_fields[] = {F(bd_points_document, STRING, series),
	F(bd_points_document, STRING, metric), F(bd_points_document, STRING, unit),
	FD(bd_points_document, ARRAY, points, point_doc), F(bd_points_document, STRING, next)};
DOC(bd_points_document_doc, bd_points_document, "benchd.points.v1", true);

static const struct bd_field bd_plan_cell_fields[] = {FR(bd_plan_cell, STRING, id),
	FNR(bd_plan_cell, STRING, "case", case_name), F(bd_plan_cell, AXES, axes), FR(bd_plan_cell, STRING, status),
	FD(bd_plan_cell, OPTIONAL, reason, bd_reason_doc), F(bd_plan_cell, DOUBLE, batch_s)};
static DOC(plan_cell_doc, bd_plan_cell, NULL, true);

static const struct bd_field bd_plan_document_fields[] = {F(bd_plan_document, STRING, suite),
	F(bd_plan_document, DOUBLE, expected_s), F(bd_plan_document, INT, launches), F(bd_plan_document, INT, rounds),
	FD(bd_plan_document, ARRAY, cells, plan_cell_doc)};
DOC(bd_plan_document_doc, bd_plan_document, "benchd.plan.v1", true);

/* ---- worker protocol */

static const struct bd_field bd_worker_gil_fields[] = {F(bd_worker_gil, INT, interpreter),
	FR(bd_worker_gil, STRING, address), F(bd_worker_gil, INT, size)};
static DOC(worker_gil_doc, bd_worker_gil, NULL, true);

static const struct bd_field bd_worker_object_fields[] = {F(bd_worker_object, STRING, path),
	F(bd_worker_object, STRING, build_id)};
static DOC(worker_object_doc, bd_worker_object, NULL, true);

static const struct bd_field bd_worker_ready_fields[] = {FR(bd_worker_ready, INT, protocol),
	FR(bd_worker_ready, INT, pid), F(bd_worker_ready, STRING, python), F(bd_worker_ready, STRING, abiflags),
	F(bd_worker_ready, BOOL, free_threaded), F(bd_worker_ready, BOOL, gil_enabled),
	F(bd_worker_ready, STRING, executable), F(bd_worker_ready, STRING, libpython),
	F(bd_worker_ready, STRING, compiler), F(bd_worker_ready, STRING, build_flags),
	F(bd_worker_ready, STRING, runtime), F(bd_worker_ready, INT, runtime_size),
	FD(bd_worker_ready, ARRAY, gils, worker_gil_doc), FR(bd_worker_ready, STRING, cap_eff),
	FR(bd_worker_ready, INT, no_new_privs), FD(bd_worker_ready, ARRAY, objects, worker_object_doc),
	F(bd_worker_ready, STRING, malloc_name), F(bd_worker_ready, STRING, malloc_version),
	F(bd_worker_ready, STRING, objalloc), F(bd_worker_ready, STRING, host)};
DOC(bd_worker_ready_doc, bd_worker_ready, NULL, true);

static const struct bd_field bd_worker_cell_fields[] = {FR(bd_worker_cell, INT, cell),
	FR(bd_worker_cell, STRING, status), FD(bd_worker_cell, OPTIONAL, reason, bd_reason_doc),
	F(bd_worker_cell, INT, iterations), F(bd_worker_cell, INTS, tids), F(bd_worker_cell, DOUBLE, overlap),
	F(bd_worker_cell, DOUBLE, parallel), F(bd_worker_cell, INT, first_call_ns),
	FD(bd_worker_cell, ARRAY, notes, bd_reason_doc), FD(bd_worker_cell, ARRAY, loaded, worker_object_doc)};
DOC(bd_worker_cell_doc, bd_worker_cell, NULL, true);

static const struct bd_field bd_worker_memory_fields[] = {F(bd_worker_memory, INT, rss_bytes),
	F(bd_worker_memory, INT, rss_peak_bytes), F(bd_worker_memory, INT, allocator_bytes),
	F(bd_worker_memory, INT, allocator_before_bytes), F(bd_worker_memory, DOUBLE, bytes_per_op),
	F(bd_worker_memory, DOUBLE, allocations_per_op), F(bd_worker_memory, DOUBLE, allocated_bytes_per_op)};
DOC(bd_worker_memory_doc, bd_worker_memory, NULL, true);

static const struct bd_field bd_worker_sample_fields[] = {FR(bd_worker_sample, INT, cell),
	FR(bd_worker_sample, INT, start_ns), FR(bd_worker_sample, INT, wall_ns), FR(bd_worker_sample, INTS, ops),
	F(bd_worker_sample, INTS, straddled), F(bd_worker_sample, INTS, overrun_ns),
	F(bd_worker_sample, INTS, thread_cpu_ns), F(bd_worker_sample, INTS, cpu), F(bd_worker_sample, INTS, voluntary),
	F(bd_worker_sample, INTS, involuntary), F(bd_worker_sample, INTS, probe_ns),
	F(bd_worker_sample, INT, minor_faults), F(bd_worker_sample, INT, major_faults),
	F(bd_worker_sample, INT, steal_ticks), F(bd_worker_sample, INT, throttled)};
DOC(bd_worker_sample_doc, bd_worker_sample, NULL, true);

/* ---- stored traces */

static const struct bd_field bd_trace_row_fields[] = {FR(bd_trace_row, STRING, id), F(bd_trace_row, STRING, run),
	FR(bd_trace_row, STRING, state), FD(bd_trace_row, OPTIONAL, reason, bd_reason_doc), F(bd_trace_row, INT, pid),
	F(bd_trace_row, STRING, command), F(bd_trace_row, STRING, python), F(bd_trace_row, STRING, level),
	F(bd_trace_row, STRING, started), F(bd_trace_row, DOUBLE, seconds), F(bd_trace_row, INT, waits),
	F(bd_trace_row, INT, wait_ns), F(bd_trace_row, INT, lost), F(bd_trace_row, INT, bytes)};
DOC(bd_trace_row_doc, bd_trace_row, NULL, true);

static const struct bd_field bd_trace_list_fields[] = {FD(bd_trace_list, ARRAY, traces, bd_trace_row_doc),
	F(bd_trace_list, STRING, next)};
DOC(bd_trace_list_doc, bd_trace_list, NULL, true);

static const struct bd_field bd_trace_request_fields[] = {FR(bd_trace_request, INT, pid),
	F(bd_trace_request, DOUBLE, seconds), F(bd_trace_request, STRING, level), F(bd_trace_request, BOOL, await),
	F(bd_trace_request, STRING, command), F(bd_trace_request, INT, max_bytes), F(bd_trace_request, BOOL, keep)};
DOC(bd_trace_request_doc, bd_trace_request, NULL, false);
