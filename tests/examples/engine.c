/* SPDX-License-Identifier: Apache-2.0 */
/* Executes a program piece by piece and changes engines in the middle. */
#include "tests/examples/program.h"

static const uint32_t program[] = {
    0x00150513, /* addi a0,a0,1 */
    0xffdff06f, /* j -4 */
};

int main(void)
{
    struct mh_machine *m = machine_with(program, 2, 1);
    struct mh_engine *interp, *hybrid;
    struct mh_engine_result r;
    uint64_t a0;
    must(mh_engine_create(&interp, m, 0, "interp"), "interp");
    must(mh_engine_create(&hybrid, m, 0, "hybrid"), "hybrid");
    must(mh_engine_execute(interp, 1001, &r), "execute");
    must(mh_engine_execute(hybrid, 999, &r), "execute");
    must(mh_engine_get_register(hybrid, 10, &a0), "a0");
    printf("a0 %llu, pc 0x%llx, %s\n", (unsigned long long)a0, (unsigned long long)r.pc.v,
           r.why == MH_STOP_LIMIT ? "all was done" : "it stopped");
    expect(a0 == 1000 && r.pc.v == RAM, "2000 instructions are 1000 rounds");
    mh_engine_destroy(interp);
    mh_engine_destroy(hybrid);
    mh_machine_destroy(m);
    return 0;
}
