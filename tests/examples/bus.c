/* SPDX-License-Identifier: Apache-2.0 */
/* A device of one's own, at two places on the bus, used by a guest program through the second. */
#include "tests/examples/program.h"

static const uint32_t program[] = {
    0x500005b7, /* lui a1,0x50000 */
    0x0085a503, /* lw a0,8(a1) */
};

static int id_read(void *opaque, uint64_t offset, unsigned size, uint64_t *value)
{
    (void)size;
    *value = *(const uint64_t *)opaque + offset;
    return 0;
}

int main(void)
{
    static const struct mh_device_ops ops = {.type = MH_DEVICE_CUSTOM, .read = id_read};
    struct mh_machine *m = machine_with(program, 0, 1);
    struct mh_bus_place place;
    struct mh_engine *e;
    uint64_t id = 0x1200, a0;
    must(mh_devices_register(m, "id", &ops, &id, (mh_gpa){0x40000000}, 0x100, 0), "register");
    must(mh_bus_map(m, "id", (mh_gpa){0x50000000}, 0x100), "map");
    expect(mh_bus_map(m, "id", (mh_gpa){0x10000000}, 0x100) != 0, "the UART is there");
    printf("%s\n", mh_last_error()->message);
    must(mh_bus_translate(m, (mh_gpa){0x50000008}, &place), "translate");
    printf("0x50000008 is %s + %llu\n", place.device, (unsigned long long)place.offset);
    must(mh_memory_write(m, (mh_gpa){RAM}, program, sizeof(program)), "write");
    must(mh_engine_create(&e, m, 0, NULL), "engine");
    must(mh_engine_set_pc(e, (mh_gva){RAM}), "pc");
    must(mh_engine_execute(e, 2, NULL), "execute");
    must(mh_engine_get_register(e, 10, &a0), "a0");
    expect(a0 == 0x1208, "the hart read the device's register");
    must(mh_bus_unmap(m, (mh_gpa){0x50000000}), "unmap");
    mh_engine_destroy(e);
    mh_machine_destroy(m);
    return 0;
}
