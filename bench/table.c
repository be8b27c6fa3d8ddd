/* SPDX-License-Identifier: Apache-2.0 */
/* See table.h. */
#include "bench/table.h"

#include <string.h>

#include "sim/base/bits.h"

const struct table_line table[] = {
#define WORKLOAD_AT(where, name, group, operations, unit, description)                             \
    {#name, #group, #unit, operations, description, WORKLOAD_##where},
#include "bench/workloads.def"
#define LINUX_WORKLOAD(name, operations, unit, initrd, program, description)                       \
    {#name, "linux", #unit, operations, description, WORKLOAD_LINUX},
#include "bench/linux.def"
};

const size_t table_size = ARRAY_LEN(table);

const char *const table_names[] = {
#undef WORKLOAD_AT
#define WORKLOAD_AT(where, name, ...) #name,
#include "bench/workloads.def"
#define LINUX_WORKLOAD(name, ...) #name,
#include "bench/linux.def"
    NULL,
};

size_t table_find(const char *workload)
{
    size_t i = 0;
    while (i < table_size && strcmp(table[i].name, workload))
        i++;
    return i;
}
