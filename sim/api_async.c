/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls of the library as tasks: mh_*_async.  Each puts its arguments into a
 * block that goes with the task.
 */
#include "sim/engine.h"
#include "sim/task.h"

#include "sim/base/error.h"

#include <errno.h>
#include <stdlib.h>

/* What the I/O thread may copy before devices get their turn: some 10 us. */
#define IO_BYTES (64u << 10)

/* ---- memory ------------------------------------------------------------------------- */

struct memory_call {
    struct mh_machine *m;
    mh_gpa addr;
    void *into;       /* to read into, or NULL */
    const void *from; /* to write */
    size_t len;
};

static int run_memory(struct mh_task *t, void *opaque)
{
    const struct memory_call *c = opaque;
    (void)t;
    return c->into ? mh_memory_read(c->m, c->addr, c->into, c->len)
                   : mh_memory_write(c->m, c->addr, c->from, c->len);
}

/* Gives a copy of the arguments to a task. */
static int submit(struct mh_machine *m, struct mh_task_spec *spec, struct mh_task **out)
{
    spec->destroy = free;
    if (!spec->opaque)
        return error_set(MH_ERROR_CORE, -ENOMEM, NULL, NULL, "not enough host memory");
    int rc = mh_scheduler_submit(m, spec, out);
    if (rc)
        free(spec->opaque);
    return rc;
}

static int submit_memory(const struct memory_call *call, struct mh_task **out)
{
    struct memory_call *c = malloc(sizeof(*c));
    struct mh_task_spec spec = {
        .description = call->into ? "memory read" : "memory write",
        .place = call->len > IO_BYTES ? MH_TASK_WORKER : MH_TASK_IO,
        .run = run_memory,
        .opaque = c,
    };
    *out = NULL;
    if (c)
        *c = *call;
    return submit(call->m, &spec, out);
}

int mh_memory_read_async(struct mh_machine *m, mh_gpa addr, void *buf, size_t len,
                         struct mh_task **out)
{
    struct memory_call c = {.m = m, .addr = addr, .into = buf, .len = len};
    return submit_memory(&c, out);
}

int mh_memory_write_async(struct mh_machine *m, mh_gpa addr, const void *buf, size_t len,
                          struct mh_task **out)
{
    struct memory_call c = {.m = m, .addr = addr, .from = buf, .len = len};
    return submit_memory(&c, out);
}

/* ---- execution ------------------------------------------------------------------------- */

struct execute_call {
    struct mh_engine *e;
    uint64_t max;
    struct mh_engine_result *result;
};

static int run_execute(struct mh_task *t, void *opaque)
{
    const struct execute_call *c = opaque;
    return engine_execute(c->e, c->max, t, c->result);
}

static void cancel_execute(void *opaque)
{
    mh_engine_stop(((struct execute_call *)opaque)->e);
}

int mh_engine_execute_async(struct mh_engine *e, uint64_t max, struct mh_engine_result *result,
                            struct mh_task **out)
{
    struct execute_call *c = malloc(sizeof(*c));
    struct mh_task_spec spec = {
        .description = "execute",
        .place = MH_TASK_WORKER,
        .run = run_execute,
        .cancel = cancel_execute,
        .opaque = c,
    };
    *out = NULL;
    if (c)
        *c = (struct execute_call){e, max, result};
    return submit(e->m, &spec, out);
}
