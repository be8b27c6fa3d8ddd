/* SPDX-License-Identifier: Apache-2.0 */
/* Configures a machine by option names, observes it, lets it run to its end and reads a register.
 */
#include "tests/examples/program.h"

/* Ends by itself: writes 0x5555 to the test finisher. */
static const uint32_t program[] = {
    0x001002b7, /* lui t0,0x100 */
    0x00005337, /* lui t1,0x5 */
    0x55530313, /* addi t1,t1,0x555 */
    0x0062a023, /* sw t1,0(t0) */
    0x0000006f, /* j . */
};

static void on_event(void *opaque, const struct mh_event *e)
{
    unsigned *seen = opaque;
    __atomic_fetch_or(seen, 1u << e->kind, __ATOMIC_RELAXED);
}

int main(void)
{
    struct mh_vm_config cfg;
    struct mh_machine *m;
    struct mh_hart_state state = {.pc = RAM};
    struct mh_result result;
    unsigned seen = 0;
    mh_config_default(&cfg);
    must(mh_config_set(&cfg, "harts", "1"), "harts");
    must(mh_config_set(&cfg, "memory", "4M"), "memory");
    must(mh_config_set(&cfg, "console", "none"), "console");
    expect(mh_config_set(&cfg, "hartz", "1") != 0, "that is no parameter");
    printf("%s %s: %s\n", mh_last_error()->param, mh_last_error()->value, mh_last_error()->message);
    must(mh_machine_create(&m, &cfg), "create");
    must(mh_machine_init(m), "init");
    must(mh_memory_write(m, (mh_gpa){RAM}, program, sizeof(program)), "write");
    must(mh_hart_set_state(m, 0, &state), "set state");
    int id = mh_subscribe(mh_machine_component(m), on_event, &seen);
    must(mh_machine_start(m), "start");
    must(mh_machine_wait(m, 10000000000ull, &result), "wait");
    must(mh_unsubscribe(mh_machine_component(m), id), "unsubscribe");
    must(mh_hart_get_state(m, 0, &state), "get state");
    printf("%s, exit code %d, t1 0x%llx\n",
           mh_state_name(mh_component_status(mh_machine_component(m))), result.exit_code,
           (unsigned long long)state.x[6]);
    expect(result.end == MH_END_GUEST && result.exit_code == 0, "the guest ended by itself");
    expect(state.x[6] == 0x5555, "its register is there");
    expect(seen & 1u << MH_EVENT_COMPLETED, "the observer was told");
    mh_machine_destroy(m);
    return 0;
}
