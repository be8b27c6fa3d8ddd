/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mh_cache_*: translated code, decoded code and a hart's TLB under one
 * interface.  Statistics at any time, all else takes the hart.
 */
#include "sim/hart_hold.h"

#include "sim/base/error.h"

#include <errno.h>
#include <stdio.h>

static const char *const names[] = {"code", "decode", "tlb"};

static int no_cache(enum mh_cache cache)
{
    char value[16];
    snprintf(value, sizeof(value), "%u", (unsigned)cache);
    return error_set(MH_ERROR_EXECUTION, -EINVAL, "cache", value, "there is no such cache");
}

/* Takes the hart and lets the calling thread be it. */
static int enter(struct mh_machine *m, unsigned hart, enum mh_cache cache)
{
    if ((unsigned)cache >= ARRAY_LEN(names))
        return no_cache(cache);
    if (smp_self())
        return error_set(MH_ERROR_EXECUTION, -EDEADLK, "cache", names[cache],
                         "the calling thread executes a hart already");
    int rc = hart_hold(m, hart);
    if (rc)
        return rc;
    struct smp *smp = m->gt->smp(m->guest);
    smp_attach(smp, smp->harts[hart]);
    return 0;
}

static int explain(int rc, enum mh_cache cache, mh_gva key)
{
    static const struct {
        int rc;
        const char *why;
    } rows[] = {
        {-ENOENT, "there is no entry for that address"},
        {-EFAULT, "no instruction can be fetched there as the hart is now"},
        {-ENOSPC, "there is no room for a translation now"},
        {-EAGAIN, "code is being given up at the same time; try again"},
    };
    char value[64];
    const char *why = cache == MH_CACHE_TLB ? "a TLB gets entries from the hart's own accesses only"
                                            : "there is no translator for this processor";
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (rows[i].rc == rc)
            why = rows[i].why;
    snprintf(value, sizeof(value), "%s 0x%llx", names[cache], (unsigned long long)key.v);
    return rc ? error_set(MH_ERROR_EXECUTION, rc, "key", value, "%s", why) : 0;
}

static int leave(struct mh_machine *m, unsigned hart, int rc, enum mh_cache cache, mh_gva key)
{
    smp_detach();
    hart_let_go(m, hart);
    return explain(rc, cache, key);
}

int mh_cache_get(struct mh_machine *m, unsigned hart, enum mh_cache cache, mh_gva key,
                 uint64_t *value)
{
    uint64_t found = 0;
    int rc = enter(m, hart, cache);
    if (rc)
        return rc;
    rc = leave(m, hart, m->gt->cache[cache].get(m->guest, hart, key.v, &found), cache, key);
    if (!rc && value)
        *value = found;
    return rc;
}

int mh_cache_set(struct mh_machine *m, unsigned hart, enum mh_cache cache, mh_gva key)
{
    int rc = enter(m, hart, cache);
    if (rc)
        return rc;
    return leave(m, hart, m->gt->cache[cache].set(m->guest, hart, key.v), cache, key);
}

int mh_cache_remove(struct mh_machine *m, unsigned hart, enum mh_cache cache, mh_gva key)
{
    int rc = enter(m, hart, cache);
    if (rc)
        return rc;
    return leave(m, hart, m->gt->cache[cache].remove(m->guest, hart, key.v), cache, key);
}

int mh_cache_clear(struct mh_machine *m, unsigned hart, enum mh_cache cache)
{
    int rc = enter(m, hart, cache);
    if (rc)
        return rc;
    return leave(m, hart, m->gt->cache[cache].clear(m->guest, hart), cache, (mh_gva){0});
}

static uint64_t tlb_misses(const struct tlb_stats *s)
{
    uint64_t sum = 0;
    for (int k = 0; k < TLB_KINDS; k++)
        sum += s->misses[k] - s->victim_hits[k];
    return sum;
}

/* Each look-up either led into code, which may have been made for it, or to the interpreter. */
static struct mh_cache_stats code_stats(const struct guest_stats *s)
{
    uint64_t made = s->translations - s->jit_ahead;
    return (struct mh_cache_stats){
        s->jit_enters > made ? s->jit_enters - made : 0, /* of a running hart it may be behind */
        s->jit_cold + made,
        s->jit_evictions,
    };
}

int mh_cache_stats(struct mh_machine *m, unsigned hart, enum mh_cache cache,
                   struct mh_cache_stats *out)
{
    struct guest_stats s;
    if ((unsigned)cache >= ARRAY_LEN(names))
        return no_cache(cache);
    if (!m->guest)
        return error_set(MH_ERROR_EXECUTION, -EINVAL, "machine", NULL,
                         "is not initialised: it has no caches yet");
    if (hart >= m->cfg.harts)
        return error_set(MH_ERROR_EXECUTION, -ENOENT, "hart", NULL, "the machine has harts 0 to %u",
                         m->cfg.harts - 1);
    m->gt->stats(m->guest, cache == MH_CACHE_TLB ? (int)hart : -1, &s);
    if (cache == MH_CACHE_CODE)
        *out = code_stats(&s);
    else if (cache == MH_CACHE_DECODE)
        *out = (struct mh_cache_stats){MH_UNKNOWN, s.decodes, s.code_evictions};
    else
        *out = (struct mh_cache_stats){MH_UNKNOWN, tlb_misses(&s.tlb), MH_UNKNOWN};
    return 0;
}
