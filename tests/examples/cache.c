/* SPDX-License-Identifier: Apache-2.0 */
/* Looks into the caches of a machine and empties them. */
#include "tests/examples/program.h"

#include <errno.h>

static const uint32_t program[] = {
    0x00150513, /* addi a0,a0,1 */
    0xffdff06f, /* j -4 */
};

int main(void)
{
    struct mh_machine *m = machine_with(program, 2, 1);
    struct mh_engine *interp;
    struct mh_cache_stats s;
    uint64_t gpa;
    must(mh_engine_create(&interp, m, 0, "interp"), "interp");
    must(mh_engine_execute(interp, 10000, NULL), "execute");
    must(mh_cache_get(m, 0, MH_CACHE_DECODE, (mh_gva){RAM}, &gpa), "get");
    must(mh_cache_stats(m, 0, MH_CACHE_DECODE, &s), "stats");
    printf("what is at 0x%llx was decoded, one of %llu instructions\n", (unsigned long long)gpa,
           (unsigned long long)s.misses);
    expect(gpa == RAM && s.misses >= 2, "both instructions were decoded");
    must(mh_cache_clear(m, 0, MH_CACHE_DECODE), "clear");
    expect(mh_cache_get(m, 0, MH_CACHE_DECODE, (mh_gva){RAM}, NULL) == -ENOENT, "it is empty");
    mh_engine_destroy(interp);
    mh_machine_destroy(m);
    return 0;
}
