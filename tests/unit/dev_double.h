/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The smallest machine a device can live in, for the tests of dev/: RAM, MMIO
 * map, clock, a running I/O thread, and records of what devices raise.  Used by
 * one test at a time; the record is shared with the I/O thread and atomic.
 */
#ifndef TESTS_UNIT_DEV_DOUBLE_H
#define TESTS_UNIT_DEV_DOUBLE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dev/dev.h"
#include "sim/base/clock.h"

enum { DOUBLE_HARTS = 4, DOUBLE_IRQS = 95, DOUBLE_RAM_SIZE = 4 << 20 };
#define DOUBLE_RAM_BASE 0x80000000ull

struct machine_double {
    struct dev_env env;
    pthread_t io_thread;
    uint32_t hart_level[DOUBLE_HARTS][16]; /* by enum hart_irq; atomic */
    uint32_t line_level[DOUBLE_IRQS + 1];  /* atomic */
    uint32_t line_rises[DOUBLE_IRQS + 1];  /* atomic */
    int exit_kind, exit_code;              /* -1: none; atomic */
    int begins, ends;                      /* of measured periods; atomic */
    uint64_t due_ns[DOUBLE_HARTS];         /* atomic */
};

static inline void double_hart_irq(void *opaque, unsigned hart, enum hart_irq irq, bool level)
{
    struct machine_double *m = opaque;
    store_release(&m->hart_level[hart][irq], level);
}

static inline void double_hart_due(void *opaque, unsigned hart, uint64_t at_ns)
{
    store_release(&((struct machine_double *)opaque)->due_ns[hart], at_ns);
}

static inline void double_exit(void *opaque, enum machine_exit kind, int code)
{
    struct machine_double *m = opaque;
    store_release(&m->exit_code, code);
    store_release(&m->exit_kind, (int)kind);
}

static inline void double_measure(void *opaque, bool begin)
{
    struct machine_double *m = opaque;
    fetch_add_acq_rel(begin ? &m->begins : &m->ends, 1);
}

static inline void double_line_set(void *opaque, unsigned n, bool level)
{
    struct machine_double *m = opaque;
    if (exchange_acq_rel(&m->line_level[n], (uint32_t)level) == 0 && level)
        fetch_add_acq_rel(&m->line_rises[n], 1);
}

static inline struct irq_line double_line(struct machine_double *m, unsigned n)
{
    return (struct irq_line){.set = double_line_set, .opaque = m, .n = n};
}

static inline void *double_io_main(void *opaque)
{
    struct machine_double *m = opaque;
    loop_run(m->env.loop);
    return NULL;
}

static inline struct machine_double *double_create(void)
{
    struct machine_double *m = calloc(1, sizeof(*m));
    struct gclock *clock = calloc(1, sizeof(*clock));
    struct physmem_config cfg = {.base = DOUBLE_RAM_BASE, .size = DOUBLE_RAM_SIZE, .numa_node = -1};
    gclock_init(clock, 10000000);
    m->env = (struct dev_env){
        .clock = clock,
        .harts = DOUBLE_HARTS,
        .irqs = DOUBLE_IRQS,
        .opaque = m,
        .hart_irq = double_hart_irq,
        .hart_due = double_hart_due,
        .machine_exit = double_exit,
        .measure = double_measure,
    };
    m->exit_kind = -1;
    memset(m->due_ns, 0xff, sizeof(m->due_ns));
    assert_int_equal(physmem_create(&m->env.pm, &cfg), 0);
    assert_int_equal(mmio_map_create(&m->env.mmio), 0);
    assert_int_equal(loop_create(&m->env.loop), 0);
    assert_int_equal(pthread_create(&m->io_thread, NULL, double_io_main, m), 0);
    return m;
}

static inline void double_destroy(struct machine_double *m)
{
    loop_stop(m->env.loop);
    pthread_join(m->io_thread, NULL);
    loop_destroy(m->env.loop);
    mmio_map_destroy(m->env.mmio);
    physmem_destroy(m->env.pm);
    free(m->env.clock);
    free(m);
}

static inline uint64_t double_read(struct machine_double *m, gpa_t gpa, unsigned size)
{
    uint64_t value = ~0ull;
    assert_true(mmio_read(m->env.mmio, gpa, size, &value));
    return value;
}

static inline void double_write(struct machine_double *m, gpa_t gpa, unsigned size, uint64_t value)
{
    assert_true(mmio_write(m->env.mmio, gpa, size, value));
}

/* Waits up to 5 s until the expression holds; fails the test otherwise. */
#define DOUBLE_WAIT_FOR(cond)                                                                      \
    do {                                                                                           \
        uint64_t wait_end_ns = clock_now_ns() + 5 * NS_PER_SEC;                                    \
        while (!(cond) && clock_now_ns() < wait_end_ns)                                            \
            usleep(200);                                                                           \
        assert_true(cond);                                                                         \
    } while (0)

#define DOUBLE_LINE(m, n)      load_acquire(&(m)->line_level[n])
#define DOUBLE_HART(m, h, irq) load_acquire(&(m)->hart_level[h][irq])

/*
 * A hart of a guest that uses a buffer which a device has: it stores to all of it, and loads, until
 * it is stopped.  What is right by ThreadSanitizer here is right for guest memory.
 */
struct storing_hart {
    uint8_t *buf;
    size_t size;
    pthread_t thread;
    uint32_t rounds, stop; /* atomic */
};

static inline void *storing_hart_main(void *arg)
{
    struct storing_hart *s = arg;
    while (!load_acquire(&s->stop)) {
        for (size_t i = 0; i < s->size; i++)
            store_relaxed(&s->buf[i], (uint8_t)(load_relaxed(&s->buf[i]) + 1));
        fetch_add_acq_rel(&s->rounds, 1);
    }
    return NULL;
}

static inline void storing_hart_start(struct storing_hart *s, void *buf, size_t size)
{
    *s = (struct storing_hart){.buf = buf, .size = size};
    assert_int_equal(pthread_create(&s->thread, NULL, storing_hart_main, s), 0);
    DOUBLE_WAIT_FOR(load_acquire(&s->rounds) > 0);
}

static inline void storing_hart_stop(struct storing_hart *s)
{
    store_release(&s->stop, 1);
    pthread_join(s->thread, NULL);
}

#endif
