/* SPDX-License-Identifier: Apache-2.0 */
/* The workloads that the harness can run, from workloads.def and linux.def.  Constant. */
#ifndef BENCH_TABLE_H
#define BENCH_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "bench/guest/workload.h"

struct table_line {
    const char *name, *group, *unit;
    double operations;
    const char *description;
    enum workload_where where;
};

extern const struct table_line table[];
extern const size_t table_size;

/* Their names, ending with NULL. */
extern const char *const table_names[];

/* Place in the table; table_size if it is not there. */
size_t table_find(const char *workload);

#endif
