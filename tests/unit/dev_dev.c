/* SPDX-License-Identifier: Apache-2.0 */
/* dev/dev.c and dev/fdt.c: the registry, failures that leave nothing behind, the device tree. */
#include "tests/unit/dev_double.h"

#include <libfdt.h>
#include <stdio.h>

#include "dev/chardev.h"
#include "dev/clint.h"
#include "dev/finisher.h"
#include "dev/plic.h"
#include "dev/rtc_goldfish.h"
#include "dev/uart16550.h"
#include "dev/virtio/blk.h"
#include "dev/virtio/console.h"
#include "dev/virtio/virtio.h"
#include "sim/base/error.h"

static void every_type_is_found_by_its_name(void **state)
{
    size_t n = 0;
    (void)state;
    for (const struct dev_type *t; (t = dev_type_at(n)); n++) {
        assert_ptr_equal(dev_type_find(t->name), t);
        assert_true(t->size >= sizeof(struct dev));
        assert_non_null(t->fdt);
        assert_non_null(t->save);
        assert_non_null(t->load);
    }
    assert_int_equal(n, 9);
    assert_null(dev_type_find("flux-capacitor"));
}

static void overlap_leaves_nothing_behind(void **state)
{
    struct machine_double *m = double_create();
    struct dev *a, *b;
    uint64_t v;
    (void)state;
    assert_int_equal(dev_create(&a, &finisher_type, &m->env, "a", 0x100000, NULL, 0, NULL), 0);
    assert_int_equal(dev_create(&b, &clint_type, &m->env, "b", 0xf8000, NULL, 0, NULL), -EEXIST);
    assert_null(b);
    assert_int_equal(dev_status(a), MH_DEVICE_RUNNING);
    dev_destroy(a);
    assert_false(mmio_read(m->env.mmio, 0x100000, 4, &v));
    assert_int_equal(dev_create(&b, &clint_type, &m->env, "b", 0xf8000, NULL, 0, NULL), 0);
    dev_destroy(b);
    double_destroy(m);
}

static void missing_config_is_an_error_with_words(void **state)
{
    struct machine_double *m = double_create();
    static const char *const names[] = {"uart16550", "virtio-blk", "virtio-console"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct dev *d;
        const struct dev_type *t = dev_type_find(names[i]);
        assert_int_equal(dev_create(&d, t, &m->env, "x0", 0x10000000, NULL, 0, NULL), -EINVAL);
        assert_null(d);
        assert_non_null(strstr(mh_last_error()->message, "x0"));
    }
    double_destroy(m);
}

enum { TREE = 65536 };

static void *empty_tree(void)
{
    void *fdt = malloc(TREE);
    assert_int_equal(fdt_create_empty_tree(fdt, TREE), 0);
    int soc = fdt_add_subnode(fdt, 0, "soc");
    assert_true(soc > 0);
    fdt_setprop_u32(fdt, soc, "#address-cells", 2);
    fdt_setprop_u32(fdt, soc, "#size-cells", 2);
    return fdt;
}

static void add_device(struct machine_double *m, void *fdt, const char *type, gpa_t base,
                       unsigned irq, const void *config)
{
    struct dev *d;
    struct irq_line line = double_line(m, irq);
    const struct dev_type *t = dev_type_find(type);
    assert_int_equal(dev_create(&d, t, &m->env, type, base, irq ? &line : NULL, irq, config), 0);
    assert_int_equal(t->fdt(d, fdt, fdt_path_offset(fdt, "/soc")), 0);
    dev_destroy(d);
}

static uint32_t prop_u32(const void *fdt, const char *path, const char *name, int index)
{
    int len = 0;
    const fdt32_t *p = fdt_getprop(fdt, fdt_path_offset(fdt, path), name, &len);
    assert_non_null(p);
    assert_true(len >= 4 * (index + 1));
    return fdt32_to_cpu(p[index]);
}

static int prop_len(const void *fdt, const char *path, const char *name)
{
    int len = -1;
    fdt_getprop(fdt, fdt_path_offset(fdt, path), name, &len);
    return len;
}

static bool compatible(const void *fdt, const char *path, const char *with)
{
    return fdt_node_check_compatible(fdt, fdt_path_offset(fdt, path), with) == 0;
}

/* Names, strings and cells of QEMU 7.2's `-M virt,dumpdtb=`. */
static void tree_is_that_of_qemu_virt(void **state)
{
    struct machine_double *m = double_create();
    struct chardev *c;
    struct chardev_config cc = {.kind = CHARDEV_NONE};
    void *fdt = empty_tree();
    (void)state;
    assert_int_equal(chardev_create(&c, m->env.loop, &cc), 0);
    struct uart16550_config uart = {c};
    add_device(m, fdt, "clint", CLINT_BASE, 0, NULL);
    add_device(m, fdt, "plic", PLIC_BASE, 0, NULL);
    add_device(m, fdt, "finisher", FINISHER_BASE, 0, NULL);
    add_device(m, fdt, "rtc-goldfish", RTC_GOLDFISH_BASE, RTC_GOLDFISH_IRQ, NULL);
    add_device(m, fdt, "uart16550", UART16550_BASE, UART16550_IRQ, &uart);
    add_device(m, fdt, "virtio-empty", VIRTIO_MMIO_BASE, VIRTIO_MMIO_IRQ, NULL);

    assert_true(compatible(fdt, "/soc/clint@2000000", "sifive,clint0"));
    assert_true(compatible(fdt, "/soc/clint@2000000", "riscv,clint0"));
    assert_int_equal(prop_len(fdt, "/soc/clint@2000000", "interrupts-extended"), 16 * DOUBLE_HARTS);
    assert_int_equal(prop_u32(fdt, "/soc/clint@2000000", "interrupts-extended", 4),
                     dev_phandle_hart(1));
    assert_int_equal(prop_u32(fdt, "/soc/clint@2000000", "interrupts-extended", 7), 7);
    assert_int_equal(prop_u32(fdt, "/soc/clint@2000000", "reg", 3), 0x10000);

    assert_true(compatible(fdt, "/soc/plic@c000000", "sifive,plic-1.0.0"));
    assert_int_equal(prop_u32(fdt, "/soc/plic@c000000", "riscv,ndev", 0), DOUBLE_IRQS);
    assert_int_equal(prop_u32(fdt, "/soc/plic@c000000", "phandle", 0), DEV_PHANDLE_PLIC);
    assert_int_equal(prop_u32(fdt, "/soc/plic@c000000", "interrupts-extended", 1), 11);
    assert_int_equal(prop_u32(fdt, "/soc/plic@c000000", "interrupts-extended", 3), 9);
    assert_int_equal(prop_u32(fdt, "/soc/plic@c000000", "reg", 3), 0x600000);
    assert_int_equal(prop_len(fdt, "/soc/plic@c000000", "interrupt-controller"), 0);

    assert_true(compatible(fdt, "/soc/test@100000", "syscon"));
    assert_true(compatible(fdt, "/poweroff", "syscon-poweroff"));
    assert_int_equal(prop_u32(fdt, "/poweroff", "value", 0), 0x5555);
    assert_int_equal(prop_u32(fdt, "/reboot", "value", 0), 0x7777);
    assert_int_equal(prop_u32(fdt, "/reboot", "regmap", 0),
                     prop_u32(fdt, "/soc/test@100000", "phandle", 0));

    assert_true(compatible(fdt, "/soc/rtc@101000", "google,goldfish-rtc"));
    assert_int_equal(prop_u32(fdt, "/soc/rtc@101000", "interrupts", 0), 11);
    assert_true(compatible(fdt, "/soc/serial@10000000", "ns16550a"));
    assert_int_equal(prop_u32(fdt, "/soc/serial@10000000", "clock-frequency", 0), 3686400);
    assert_int_equal(prop_u32(fdt, "/soc/serial@10000000", "interrupt-parent", 0),
                     DEV_PHANDLE_PLIC);
    assert_true(compatible(fdt, "/soc/virtio_mmio@10001000", "virtio,mmio"));
    assert_int_equal(prop_u32(fdt, "/soc/virtio_mmio@10001000", "interrupts", 0), 1);
    chardev_destroy(c);
    free(fdt);
    double_destroy(m);
}

static void tree_without_space_is_reported(void **state)
{
    struct machine_double *m = double_create();
    struct dev *d;
    char small[256];
    (void)state;
    assert_int_equal(fdt_create_empty_tree(small, sizeof(small)), 0);
    assert_int_equal(dev_create(&d, &clint_type, &m->env, "c", CLINT_BASE, NULL, 0, NULL), 0);
    assert_int_equal(clint_type.fdt(d, small, 0), -ENOSPC);
    dev_destroy(d);
    double_destroy(m);
}

enum { FUZZ_DEVICES = 9, FUZZ_THREADS = 2, FUZZ_ACCESSES = 60000 };

struct fuzzer {
    struct machine_double *m;
    struct dev *const *devices;
    uint64_t seed;
};

static uint64_t fuzz_next(struct fuzzer *f)
{
    f->seed ^= f->seed << 13, f->seed ^= f->seed >> 7, f->seed ^= f->seed << 17;
    return f->seed;
}

/* Registers that exist are hit often: small offsets, and values that mean something. */
static void *fuzz_registers(void *opaque)
{
    struct fuzzer *f = opaque;
    static const uint64_t values[] = {0,         1, 2, 3, 7, 11, 15, 0x80, 0xff, DOUBLE_RAM_BASE,
                                      UINT64_MAX};
    for (unsigned i = 0; i < FUZZ_ACCESSES; i++) {
        uint64_t r = fuzz_next(f), v;
        const struct dev *d = f->devices[r % FUZZ_DEVICES];
        uint64_t offset = r >> 8 & (r & 64 ? 0xff : d->type->mmio_size - 1);
        unsigned size = 1u << (r >> 40 & 3);
        offset = r & 128 ? offset : offset & ~3ull;
        v = r >> 42 & 1 ? fuzz_next(f) : values[fuzz_next(f) % ARRAY_LEN(values)];
        if (r >> 43 & 1)
            mmio_write(f->m->env.mmio, d->base + offset, size, v);
        else
            mmio_read(f->m->env.mmio, d->base + offset, size, &v);
    }
    return NULL;
}

/* Every device at once, two harts, memory full of noise: nothing crashes, all can be destroyed. */
static void random_register_accesses(void **state)
{
    struct machine_double *m = double_create();
    struct chardev *c;
    struct chardev_config cc = {.kind = CHARDEV_MEMORY};
    char path[] = "/tmp/mh-fuzz-XXXXXX";
    int fd = mkstemp(path);
    (void)state;
    assert_int_equal(ftruncate(fd, 1 << 20), 0);
    close(fd);
    assert_int_equal(chardev_create(&c, m->env.loop, &cc), 0);
    struct uart16550_config uart = {c};
    struct virtio_console_config console = {c};
    struct virtio_blk_config blk = {.file = {.path = path}, .queues = 2};
    const struct {
        const char *type;
        gpa_t base;
        const void *config;
    } t[FUZZ_DEVICES] = {
        {"clint", CLINT_BASE, NULL},
        {"plic", PLIC_BASE, NULL},
        {"finisher", FINISHER_BASE, NULL},
        {"rtc-goldfish", RTC_GOLDFISH_BASE, NULL},
        {"uart16550", UART16550_BASE, &uart},
        {"virtio-empty", VIRTIO_MMIO_BASE, NULL},
        {"virtio-blk", VIRTIO_MMIO_BASE + 0x1000, &blk},
        {"virtio-console", VIRTIO_MMIO_BASE + 0x2000, &console},
        {"virtio-rng", VIRTIO_MMIO_BASE + 0x3000, NULL},
    };
    struct dev *d[FUZZ_DEVICES];
    for (unsigned i = 0; i < FUZZ_DEVICES; i++) {
        struct irq_line line = double_line(m, 1 + i);
        assert_int_equal(dev_create(&d[i], dev_type_find(t[i].type), &m->env, t[i].type, t[i].base,
                                    &line, 1 + i, t[i].config),
                         0);
    }
    const char *given = getenv("MH_SEED");
    uint64_t seed = given ? strtoull(given, NULL, 0) : clock_now_ns() | 1;
    print_message("    MH_SEED=%#llx\n", (unsigned long long)seed);
    struct fuzzer f[FUZZ_THREADS + 1] = {{m, d, seed}};
    for (uint64_t i = 0; i < DOUBLE_RAM_SIZE / 8; i++)
        ((uint64_t *)(void *)m->env.pm->host)[i] = fuzz_next(&f[0]) & 0xffff0007803fffff;
    pthread_t thread[FUZZ_THREADS];
    for (unsigned i = 0; i < FUZZ_THREADS; i++) {
        f[i + 1] = (struct fuzzer){m, d, fuzz_next(&f[0])};
        pthread_create(&thread[i], NULL, fuzz_registers, &f[i + 1]);
    }
    for (unsigned i = 0; i < FUZZ_THREADS; i++)
        pthread_join(thread[i], NULL);
    for (unsigned i = 0; i < FUZZ_DEVICES; i++)
        dev_reset(d[i]);
    for (unsigned i = 0; i < FUZZ_DEVICES; i++)
        dev_destroy(d[i]);
    chardev_destroy(c);
    unlink(path);
    double_destroy(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_is_found_by_its_name),
        cmocka_unit_test(overlap_leaves_nothing_behind),
        cmocka_unit_test(missing_config_is_an_error_with_words),
        cmocka_unit_test(tree_is_that_of_qemu_virt),
        cmocka_unit_test(tree_without_space_is_reported),
        cmocka_unit_test(random_register_accesses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
