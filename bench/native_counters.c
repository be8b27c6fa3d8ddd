/* SPDX-License-Identifier: Apache-2.0 */
/* See native_counters.h. */
#include "bench/native_counters.h"

#include <stdio.h>
#include <time.h>

#include "sim/base/clock.h"
#include "sim/counters.h"
#include "sim/include/manyhart.h"

struct point {
    uint64_t now_ns, cpu_ns;
    struct counter_reading host[COUNTERS_MAX];
};

static struct counters *counters;
static struct point from, sum; /* of the period under way; of all that have ended */
static uint64_t periods;

bool native_counters_open(const char *list)
{
    if (counters_create(&counters, list, 1)) {
        fprintf(stderr, "bench: counters: %s: %s\n", mh_last_error()->value,
                mh_last_error()->message);
        return false;
    }
    counters_follow(counters);
    counters_thread_begin(counters, 0);
    return true;
}

static uint64_t process_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * NS_PER_SEC + (uint64_t)t.tv_nsec;
}

static void end_period(const struct point *to)
{
    sum.now_ns += to->now_ns - from.now_ns;
    sum.cpu_ns += to->cpu_ns - from.cpu_ns;
    for (unsigned i = 0; i < counters_count(counters); i++) {
        struct counter_reading d = counter_between(&from.host[i], &to->host[i]);
        counter_add(&sum.host[i], &d);
    }
    periods++;
}

/* The clock next to the program, so that reading the rest is outside. */
void native_counters_mark(bool begin)
{
    struct point to;
    if (!counters)
        return;
    if (begin) {
        counters_read(counters, 0, from.host);
        from.cpu_ns = process_ns();
        from.now_ns = clock_now_ns();
    } else {
        to.now_ns = clock_now_ns();
        to.cpu_ns = process_ns();
        counters_read(counters, 0, to.host);
        end_period(&to);
    }
}

static void print_own(const char *name, uint64_t value)
{
    printf("counter %s source clock value %llu share 1\n", name, (unsigned long long)value);
}

void native_counters_print(void)
{
    if (!counters)
        return;
    print_own("periods", periods);
    print_own("time_ns", sum.now_ns);
    print_own("cpu_ns", sum.cpu_ns);
    for (unsigned i = 0; i < counters_count(counters); i++) {
        struct counter_figure f = counter_scale(&sum.host[i]);
        const char *name = counters_name(counters, i), *source = counters_source(counters, i);
        if (f.known)
            printf("counter %s source %s value %llu share %.4f\n", name, source,
                   (unsigned long long)f.value, f.share);
        else
            printf("counter %s source %s value - share 0\n", name, source);
    }
}
