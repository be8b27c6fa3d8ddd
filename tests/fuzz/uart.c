/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UART: accesses to its registers, bytes typed, output taken or left until the
 * stream is full, resets, saved states changed and loaded.
 */
#include "tests/fuzz/fuzz.h"

#include "dev/chardev.h"
#include "dev/uart16550.h"

static struct fuzz_machine *m;
static struct chardev *chardev;
static struct dev *uart;

static void make(void)
{
    struct chardev_config cfg = {.kind = CHARDEV_MEMORY};
    m = fuzz_machine_create();
    FUZZ_CHECK(chardev_create(&chardev, m->env.loop, &cfg) == 0);
    struct uart16550_config uc = {chardev};
    uart = fuzz_device(m, &uart16550_type, "uart0", UART16550_BASE, UART16550_IRQ, &uc);
}

static void take_all(void)
{
    static uint8_t buf[65536];
    while (chardev_memory_take(chardev, buf, sizeof(buf)))
        fuzz_pump(m);
    while (chardev_read(chardev, buf, sizeof(buf)))
        ;
}

static void step(struct fuzz_in *in)
{
    uint8_t buf[512] = {0}, op = fuzz_u8(in);
    const uint8_t *bytes;
    size_t n;
    switch (op % 8) {
    case 0:
    case 1:
    case 2:
        fuzz_access(m, in, UART16550_BASE, op & 0x80 ? 0x100 : 8, fuzz_u8(in), true);
        break;
    case 3:
        fuzz_access(m, in, UART16550_BASE, op & 0x80 ? 0x100 : 8, 0, false);
        break;
    case 4:
        bytes = fuzz_bytes(in, op >> 3, &n);
        chardev_memory_type(chardev, bytes, n);
        break;
    case 5:
        chardev_memory_take(chardev, buf, sizeof(buf));
        break;
    case 6:
        fuzz_pump(m);
        break;
    case 7:
        if (op & 8) /* until the stream takes no more */
            while (chardev_write(chardev, buf, sizeof(buf)))
                ;
        else if (op & 16)
            dev_reset(uart);
        else
            fuzz_save_load(uart, in);
        break;
    }
}

/* After anything a reset UART sends and receives. */
static void check_works(void)
{
    uint8_t byte = 0;
    uint64_t v = 0;
    take_all();
    dev_reset(uart);
    fuzz_pump(m);
    take_all();
    mmio_write(m->env.mmio, UART16550_BASE, 1, 'A');
    FUZZ_CHECK(chardev_memory_take(chardev, &byte, 1) == 1 && byte == 'A');
    FUZZ_CHECK(chardev_memory_type(chardev, "B", 1) == 1);
    mmio_read(m->env.mmio, UART16550_BASE + 5, 1, &v);
    FUZZ_CHECK(v & 1);
    mmio_read(m->env.mmio, UART16550_BASE, 1, &v);
    FUZZ_CHECK(v == 'B');
    FUZZ_CHECK(!m->line[UART16550_IRQ]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_in in = {data, size};
    if (!m)
        make();
    dev_reset(uart);
    for (unsigned i = 0; i < 256 && in.left; i++)
        step(&in);
    check_works();
    return 0;
}
