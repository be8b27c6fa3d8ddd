/* SPDX-License-Identifier: Apache-2.0 */
/* The table of workloads, from bench/workloads.def; on the host without those for guests only. */
#include "workload.h"

#define WORKLOAD_AT(where, name, group, operations, unit, description)                             \
    _Static_assert(sizeof(#name) <= WORKLOAD_NAME_MAX + 1, "a name that is too long");
#include "bench/workloads.def"
#undef WORKLOAD_AT

#define ONE(name)             .setup = name##_setup, .run = name##_run
#define ALL(name)             .setup_harts = name##_setup, .run_harts = name##_run
#define FUNCTIONS_ANYWHERE    ONE
#define FUNCTIONS_GUEST       ONE
#define FUNCTIONS_HARTS       ALL
#define FUNCTIONS_GUEST_HARTS ALL
#define WORKLOAD_AT(where_, name_, group_, operations_, unit_, description_)                       \
    {.name = #name_,                                                                               \
     .group = #group_,                                                                             \
     .unit = #unit_,                                                                               \
     .description = description_,                                                                  \
     .operations = operations_,                                                                    \
     FUNCTIONS_##where_(name_),                                                                    \
     .where = WORKLOAD_##where_},
#ifdef BENCH_HOST
#define GUEST_WORKLOAD(...)
#define GUEST_HARTS_WORKLOAD(...)
#endif

const struct workload workloads[] = {
#include "bench/workloads.def"
};

const unsigned workload_count = sizeof(workloads) / sizeof(workloads[0]);
