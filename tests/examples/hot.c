/* SPDX-License-Identifier: Apache-2.0 */
/* Translates a loop before it runs, and asks what was executed how. */
#include "tests/examples/program.h"

#include <errno.h>

static const uint32_t program[] = {
    0x00150513, /* addi a0,a0,1 */
    0xffdff06f, /* j -4 */
};

int main(void)
{
    struct mh_machine *m = machine_with(program, 2, 1);
    struct mh_engine *hybrid;
    struct mh_hot_stats s;
    int rc = mh_hot_set_threshold(m, 10, 200);
    if (rc == -ENOTSUP) {
        puts("there is no translator for this host");
        mh_machine_destroy(m);
        return 77;
    }
    must(rc, "thresholds");
    must(mh_hot_precompile(m, 0, (mh_gva){RAM}), "precompile");
    must(mh_engine_create(&hybrid, m, 0, "hybrid"), "hybrid");
    must(mh_engine_execute(hybrid, 100000, NULL), "execute");
    must(mh_hot_stats(m, &s), "stats");
    printf("%llu blocks translated, %llu of them hot\n", (unsigned long long)s.compiled_blocks,
           (unsigned long long)s.hot_blocks);
    expect(s.compiled_blocks >= 1 && s.hot_blocks == 0, "it was translated ahead");
    must(mh_hot_clear(m), "clear");
    mh_engine_destroy(hybrid);
    mh_machine_destroy(m);
    return 0;
}
