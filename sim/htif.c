/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Serves HTIF; see htif.h.
 *
 * A program may store tohost as two 32-bit words, low word first; the low word
 * of a character's command or of a pointer means something else alone.  So the
 * bytes that were written since the last command are collected in a mask: a
 * full mask is a command at once, a partial one is taken as complete 20 ms
 * after its first byte.  (Spike polls and so can see halves; old programs
 * store only the low word and loop.)
 *
 * Threads: htif_written on any thread that writes guest RAM, the timer on the
 * loop's.  h->lock covers mask and the two words; commands run outside it, on
 * the thread that completed the command, so a hart's characters stay in order.
 */
#include "sim/htif.h"

#include "sim/base/clock.h"
#include "sim/base/error.h"
#include "sim/base/log.h"

#include <errno.h>
#include <stdlib.h>

#define HTIF_HALF_WAIT_NS (20 * 1000000ull)
#define HTIF_INPUT_NS     (10 * 1000000ull) /* how often a waiting read looks for input */
#define HTIF_WRITE_MAX    (1u << 20)        /* bytes one write call takes */
#define HTIF_NONE         UINT64_MAX

enum { SYS_EXIT = 93, SYS_WRITE = 64, SYS_EXIT_GROUP = 94 };

struct htif {
    struct htif_env env;
    struct lock lock; /* RANK_IRQCHIP: a device may write the page under its own lock */
    gpa_t tohost, fromhost;
    uint8_t mask; /* under lock: bytes of tohost written since the last command */
    bool reading; /* under lock: the guest waits for a character */
    struct loop_timer *half, *input;
};

static __thread bool own_write; /* the write under way is ours: the hook must not take it */

static void write_word(struct htif *h, gpa_t gpa, uint64_t value)
{
    own_write = true;
    physmem_write(h->env.pm, gpa, &value, sizeof(value));
    own_write = false;
}

static uint64_t read_word(struct htif *h, gpa_t gpa)
{
    uint64_t v = 0;
    physmem_read(h->env.pm, gpa, &v, sizeof(v));
    return v;
}

static void respond(struct htif *h, uint64_t value)
{
    if (h->fromhost != HTIF_NONE)
        write_word(h, h->fromhost, value);
}

/* ---- commands, no lock held ------------------------------------------------------------ */

static uint64_t call_write(struct htif *h, gpa_t buf, uint64_t len)
{
    uint8_t chunk[512];
    if (!physmem_contains(h->env.pm, buf, len) || len > HTIF_WRITE_MAX)
        return (uint64_t)-EFAULT;
    for (uint64_t done = 0; done < len;) {
        uint64_t n = min_u64(sizeof(chunk), len - done);
        physmem_read(h->env.pm, buf + done, chunk, n);
        h->env.console_write(h->env.opaque, chunk, n);
        done += n;
    }
    return len;
}

/* Whether the program goes on. */
static bool system_call(struct htif *h, gpa_t block)
{
    uint64_t w[8], result;
    if (block % 8 || physmem_read(h->env.pm, block, w, sizeof(w))) {
        log_at(LOG_SIM, LOG_WARN, "HTIF: tohost = 0x%llx is no command", (unsigned long long)block);
        return true;
    }
    switch (w[0]) {
    case SYS_WRITE: /* descriptor, buffer, bytes */
        result = w[1] == 1 || w[1] == 2 ? call_write(h, w[2], w[3]) : (uint64_t)-EBADF;
        break;
    case SYS_EXIT:
    case SYS_EXIT_GROUP:
        h->env.exit(h->env.opaque, w[1]);
        return false;
    default:
        log_at(LOG_SIM, LOG_WARN, "HTIF: system call %llu is not served", (unsigned long long)w[0]);
        result = (uint64_t)-ENOSYS;
    }
    write_word(h, block, result);
    return true;
}

static void read_character(struct htif *h)
{
    uint8_t c;
    if (h->env.console_read(h->env.opaque, &c, 1) == 1) {
        lock_take(&h->lock);
        h->reading = false;
        lock_drop(&h->lock);
        respond(h, 1ull << 56 | 0x100 | c);
    } else {
        loop_timer_set(h->input, clock_now_ns() + HTIF_INPUT_NS);
    }
}

static void console_command(struct htif *h, unsigned command, uint64_t payload)
{
    uint8_t c = (uint8_t)payload;
    if (command == 1) {
        h->env.console_write(h->env.opaque, &c, 1);
    } else if (command == 0) {
        lock_take(&h->lock);
        h->reading = true;
        lock_drop(&h->lock);
        read_character(h);
    }
}

static void serve(struct htif *h, uint64_t value)
{
    unsigned device = (unsigned)(value >> 56), command = value >> 48 & 0xff;
    uint64_t payload = bits_get(value, 47, 0);
    if (device == 0 && command == 0 && payload & 1)
        h->env.exit(h->env.opaque, payload >> 1);
    else if (device == 0 && command == 0) {
        if (system_call(h, payload))
            respond(h, 1);
    } else if (device == 1)
        console_command(h, command, payload);
    else
        log_at(LOG_SIM, LOG_WARN, "HTIF: tohost = 0x%llx: no device %u", (unsigned long long)value,
               device);
}

/* ---- seeing stores ------------------------------------------------------------------------ */

static uint64_t take_locked(struct htif *h)
{
    h->mask = 0;
    return read_word(h, h->tohost);
}

/*
 * Clears tohost, as Spike does before it serves, so that the guest may go on; but not what another
 * hart has stored there meanwhile.  No lock held: the write may have to wait for harts.
 */
static void clear_and_serve(struct htif *h, uint64_t value)
{
    if (!value)
        return;
    own_write = true;
    physmem_cas_slow(h->env.pm, NULL, h->tohost, 8, value, 0);
    own_write = false;
    serve(h, value);
}

/* Bytes [gpa, gpa+len) of the word at tohost, as a mask. */
static uint8_t written_mask(gpa_t tohost, gpa_t gpa, uint64_t len)
{
    uint64_t from = max_u64(gpa, tohost), to = min_u64(gpa + len, tohost + 8);
    if (from >= to)
        return 0;
    return (uint8_t)((0xffu >> (8 - (to - from))) << (from - tohost));
}

void htif_written(void *opaque, gpa_t gpa, uint64_t len)
{
    struct htif *h = opaque;
    uint64_t value = 0;
    if (own_write || !ranges_overlap(gpa, len, h->tohost, 8))
        return;
    lock_take(&h->lock);
    bool first = h->mask == 0;
    h->mask |= written_mask(h->tohost, gpa, len);
    if (h->mask == 0xff)
        value = take_locked(h);
    else if (first)
        loop_timer_set(h->half, clock_now_ns() + HTIF_HALF_WAIT_NS);
    lock_drop(&h->lock);
    clear_and_serve(h, value);
}

static void half_due(void *opaque)
{
    struct htif *h = opaque;
    uint64_t value = 0;
    lock_take(&h->lock);
    if (h->mask)
        value = take_locked(h);
    lock_drop(&h->lock);
    clear_and_serve(h, value);
}

static void input_due(void *opaque)
{
    struct htif *h = opaque;
    lock_take(&h->lock);
    bool reading = h->reading;
    lock_drop(&h->lock);
    if (reading)
        read_character(h);
}

/* ---- life ------------------------------------------------------------------------------------ */

int htif_create(struct htif **out, const struct htif_env *env)
{
    struct htif *h = calloc(1, sizeof(*h));
    if (!h)
        return error_set(MH_ERROR_CORE, -ENOMEM, "htif", NULL, "not enough host memory");
    h->env = *env;
    h->tohost = h->fromhost = HTIF_NONE;
    lock_init(&h->lock, RANK_IRQCHIP);
    int rc = loop_timer_add(env->loop, half_due, h, &h->half);
    if (!rc)
        rc = loop_timer_add(env->loop, input_due, h, &h->input);
    if (rc) {
        htif_destroy(h);
        return rc;
    }
    *out = h;
    return 0;
}

void htif_destroy(struct htif *h)
{
    if (!h)
        return;
    if (h->half)
        loop_timer_remove(h->half);
    if (h->input)
        loop_timer_remove(h->input);
    free(h);
}

static bool word_ok(const struct htif *h, gpa_t gpa)
{
    return gpa % 8 == 0 && physmem_contains(h->env.pm, gpa, 8);
}

int htif_set(struct htif *h, gpa_t tohost, gpa_t fromhost)
{
    if (!word_ok(h, tohost) || (fromhost != HTIF_NONE && !word_ok(h, fromhost)))
        return -EFAULT;
    h->mask = 0;
    h->reading = false;
    h->tohost = tohost;
    h->fromhost = fromhost;
    physmem_flag_sync(h->env.pm, tohost, PAGE_WATCH);
    return 0;
}
