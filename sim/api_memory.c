/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mh_memory_*: guest RAM for users of the library, from any thread.  Accesses
 * go through mem/'s slow paths, which keep LR/SC and decoded code exact.
 */
#include "sim/machine.h"

#include "sim/base/error.h"

#include <errno.h>
#include <stdio.h>

static int bad(int rc, const char *param, const char *why)
{
    return error_set(MH_ERROR_MEMORY, rc, param, NULL, "%s", why);
}

static int check(const struct mh_machine *m, mh_gpa addr, uint64_t len)
{
    char value[32];
    if (!m->pm)
        return bad(-EINVAL, "machine", "is not initialised: it has no memory yet");
    if (physmem_contains(m->pm, addr.v, len))
        return 0;
    snprintf(value, sizeof(value), "0x%llx", (unsigned long long)addr.v);
    return error_set(MH_ERROR_MEMORY, -EFAULT, "addr", value, "%llu bytes from there are not RAM",
                     (unsigned long long)len);
}

static int check_word(const struct mh_machine *m, mh_gpa addr, unsigned size, unsigned smallest)
{
    if (!is_pow2(size) || size < smallest || size > 8)
        return bad(-EINVAL, "size", "must be 1, 2, 4 or 8 bytes; 4 or 8 to exchange");
    if (addr.v % size)
        return bad(-EINVAL, "addr", "must be a multiple of the size");
    return check(m, addr, size);
}

/* orders: bits of those allowed */
static int check_order(enum mh_order order, unsigned orders)
{
    if ((unsigned)order <= MH_ORDER_SEQ_CST && orders >> order & 1)
        return 0;
    return bad(-EINVAL, "order", "is not one that this access can have (C11 7.17.7)");
}

#define LOAD_ORDERS  (1u << MH_ORDER_RELAXED | 1u << MH_ORDER_ACQUIRE | 1u << MH_ORDER_SEQ_CST)
#define STORE_ORDERS (1u << MH_ORDER_RELAXED | 1u << MH_ORDER_RELEASE | 1u << MH_ORDER_SEQ_CST)
#define ALL_ORDERS   0x1fu

static void tell(struct mh_machine *m, mh_gpa addr, size_t size, bool is_write)
{
    struct mh_event e = {.kind = MH_EVENT_MEMORY};
    if (!load_relaxed(&m->component.observers))
        return;
    e.u.memory.addr = addr;
    e.u.memory.size = size;
    e.u.memory.is_write = is_write;
    component_emit(&m->component, &e);
}

int mh_memory_read(struct mh_machine *m, mh_gpa addr, void *buf, size_t len)
{
    int rc = check(m, addr, len);
    if (!rc)
        rc = physmem_read(m->pm, addr.v, buf, len);
    if (!rc)
        tell(m, addr, len, false);
    return rc;
}

int mh_memory_write(struct mh_machine *m, mh_gpa addr, const void *buf, size_t len)
{
    int rc = check(m, addr, len);
    if (!rc)
        rc = physmem_write(m->pm, addr.v, buf, len);
    if (!rc)
        tell(m, addr, len, true);
    return rc;
}

#define LOAD(type)                                                                                 \
    (order == MH_ORDER_RELAXED   ? load_relaxed((const type *)p)                                   \
     : order == MH_ORDER_ACQUIRE ? load_acquire((const type *)p)                                   \
                                 : load_seq_cst((const type *)p))

static uint64_t load_word(const void *p, unsigned size, enum mh_order order)
{
    switch (size) {
    case 1:
        return LOAD(uint8_t);
    case 2:
        return LOAD(uint16_t);
    case 4:
        return LOAD(uint32_t);
    default:
        return LOAD(uint64_t);
    }
}

int mh_memory_load(struct mh_machine *m, mh_gpa addr, unsigned size, enum mh_order order,
                   uint64_t *value)
{
    int rc = check_order(order, LOAD_ORDERS);
    if (!rc)
        rc = check_word(m, addr, size, 1);
    if (rc)
        return rc;
    *value = load_word(physmem_host(m->pm, addr.v), size, order);
    tell(m, addr, size, false);
    return 0;
}

int mh_memory_store(struct mh_machine *m, mh_gpa addr, unsigned size, enum mh_order order,
                    uint64_t value)
{
    int rc = check_order(order, STORE_ORDERS);
    if (!rc)
        rc = check_word(m, addr, size, 1);
    if (rc)
        return rc;
    if (order != MH_ORDER_RELAXED)
        fence_release();
    physmem_store_slow(m->pm, NULL, addr.v, size, value);
    physmem_flag_set(m->pm, addr.v, PAGE_DIRTY);
    if (order == MH_ORDER_SEQ_CST)
        fence_seq_cst();
    tell(m, addr, size, true);
    return 0;
}

/* The exchange itself is always sequentially consistent: on the hosts there are it costs the same.
 */
int mh_memory_compare_exchange(struct mh_machine *m, mh_gpa addr, unsigned size, uint64_t expected,
                               uint64_t desired, enum mh_order success, enum mh_order failure,
                               uint64_t *old)
{
    int rc = check_order(success, ALL_ORDERS);
    if (!rc)
        rc = check_order(failure, LOAD_ORDERS);
    if (!rc)
        rc = check_word(m, addr, size, 4);
    if (rc)
        return rc;
    *old = physmem_cas_slow(m->pm, NULL, addr.v, size, expected, desired);
    physmem_flag_set(m->pm, addr.v, PAGE_DIRTY);
    tell(m, addr, size, true);
    return 0;
}

uint64_t mh_memory_size(struct mh_machine *m)
{
    return m->pm ? m->pm->size : 0;
}

mh_gpa mh_memory_base(struct mh_machine *m)
{
    return (mh_gpa){m->pm ? m->pm->base : 0};
}
