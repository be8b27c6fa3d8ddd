/* SPDX-License-Identifier: Apache-2.0 */
/* The table of workloads, from bench/workloads.def. */
#include "workload.h"

#define WORKLOAD(name, group, operations, unit, description)                                       \
    _Static_assert(sizeof(#name) <= WORKLOAD_NAME_MAX + 1, "a name that is too long");
#include "bench/workloads.def"
#undef WORKLOAD

#define WORKLOAD(name, group, operations, unit, description)                                       \
    {#name, #group, #unit, description, operations, name##_setup, name##_run},

const struct workload workloads[] = {
#include "bench/workloads.def"
};

const unsigned workload_count = sizeof(workloads) / sizeof(workloads[0]);
