/* SPDX-License-Identifier: Apache-2.0 */
/* Guest memory: atomic access, a reservation that is lost, a dump that is put back. */
#include "tests/examples/program.h"

int main(void)
{
    const mh_gpa word = {RAM + 0x1000};
    struct mh_machine *m = machine_with(NULL, 0, 1);
    struct mh_reservation *r;
    uint64_t value, old;
    bool stored;
    FILE *file = tmpfile();
    expect(file, "there is room for a file");
    must(mh_memory_store(m, word, 8, MH_ORDER_RELEASE, 7), "store");
    must(mh_memory_compare_exchange(m, word, 8, 7, 8, MH_ORDER_ACQ_REL, MH_ORDER_ACQUIRE, &old),
         "exchange");
    expect(old == 7, "it took place");
    must(mh_memory_dump(m, fileno(file)), "dump");

    must(mh_reservation_create(&r, m), "reservation");
    must(mh_memory_reserve(r, word, 8, &value), "reserve");
    must(mh_memory_store(m, word, 8, MH_ORDER_RELAXED, value), "store");
    must(mh_memory_store_conditional(r, word, 8, value + 1, &stored), "conditional");
    expect(!stored, "somebody wrote it meanwhile, if only the same value");
    must(mh_memory_reserve(r, word, 8, &value), "reserve");
    must(mh_memory_store_conditional(r, word, 8, value + 1, &stored), "conditional");
    expect(stored, "now nobody did");
    mh_reservation_destroy(r);

    must(mh_memory_restore(m, fileno(file)), "restore");
    must(mh_memory_load(m, word, 8, MH_ORDER_ACQUIRE, &value), "load");
    printf("restored: %llu\n", (unsigned long long)value);
    expect(value == 8, "it is as it was dumped");
    fclose(file);
    mh_machine_destroy(m);
    return 0;
}
