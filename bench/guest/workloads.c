/* SPDX-License-Identifier: Apache-2.0 */
/* The table of workloads, from bench/workloads.def; on the host without those for guests only. */
#include "workload.h"

#define WORKLOAD_AT(where, name, group, operations, unit, description)                             \
    _Static_assert(sizeof(#name) <= WORKLOAD_NAME_MAX + 1, "a name that is too long");
#include "bench/workloads.def"
#undef WORKLOAD_AT

#define WORKLOAD_AT(where, name, group, operations, unit, description)                             \
    {#name, #group, #unit, description, operations, name##_setup, name##_run, WORKLOAD_##where},
#ifdef BENCH_HOST
#define GUEST_WORKLOAD(...)
#endif

const struct workload workloads[] = {
#include "bench/workloads.def"
};

const unsigned workload_count = sizeof(workloads) / sizeof(workloads[0]);
