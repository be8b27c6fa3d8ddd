/* SPDX-License-Identifier: Apache-2.0 */
/* Builds an Sv39 page table, gives it to a hart and asks where addresses lead. */
#include "tests/examples/program.h"

/* Lets S- and U-mode use all of memory: one PMP entry for everything. */
static const uint32_t program[] = {
    0xfff00e13, /* li t3,-1 */
    0x3b0e1073, /* csrw pmpaddr0,t3 */
    0x01f00e13, /* li t3,31: NAPOT, RWX */
    0x3a0e1073, /* csrw pmpcfg0,t3 */
};

int main(void)
{
    const unsigned flags = MH_PAGE_READ | MH_PAGE_WRITE | MH_PAGE_ACCESSED | MH_PAGE_DIRTY;
    struct mh_machine *m = machine_with(program, 4, 1);
    struct mh_engine *e;
    struct mh_page_table *t;
    struct mh_fault fault;
    struct mh_page_stats stats;
    mh_gva va = {0x4000000000 - 0x1000};
    mh_gpa pa;
    must(mh_engine_create(&e, m, 0, NULL), "engine");
    must(mh_engine_execute(e, 4, NULL), "execute");
    must(mh_page_table_create(&t, m, MH_PAGING_SV39, (mh_gpa){RAM + 0x100000}, 16 << 12), "create");
    must(mh_page_table_map(t, va, (mh_gpa){RAM + 0x2000}, 12, flags), "map");
    must(mh_page_table_translate(t, va, MH_ACCESS_READ, false, &pa), "translate");
    expect(pa.v == RAM + 0x2000, "it leads where it was mapped");
    must(mh_page_table_activate(t, 0, 1), "activate");
    expect(mh_mmu_translate(m, 0, va, MH_ACCESS_FETCH, MH_PRIV_SUPERVISOR, &pa, &fault) != 0 &&
               fault.kind == MH_FAULT_PAGE,
           "nothing may be fetched there");
    must(mh_page_table_flush(t, 0, NULL), "flush");
    mh_page_table_stats(t, &stats);
    printf("%llu translations, %llu faults, %llu flushes\n", (unsigned long long)stats.translations,
           (unsigned long long)stats.faults, (unsigned long long)stats.flushes);
    mh_page_table_destroy(t);
    mh_engine_destroy(e);
    mh_machine_destroy(m);
    return 0;
}
