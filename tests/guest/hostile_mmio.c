/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest-test: harts=1,2,4 args=--console,none,--virtio-console,none,--disk,@disk@ oracle=no
 *
 * Every hart writes and reads all device registers with random values of every
 * width, and drives the virtio devices with rings that loop, wrap, point at MMIO,
 * at themselves, past the end of RAM, with chains of nearly 2^32 bytes, sizes
 * changed while the device is live, resets in flight, all while software, timer and
 * external interrupts storm.  Nothing is expected but that it ends; then each
 * device, reset, does its work again.
 *
 * Rings, buffers and everything a device may write to lie in a box in the middle of
 * RAM, so that the program survives what it asks for.  Not under QEMU: what is
 * random has no other answer to compare with, and its devices are not these.
 * Output is off, because the UART gets random bytes: the exit code is the number of
 * the case that failed.
 */
#include "guest.h"

#define BOX       (VIRT_RAM + (64UL << 20))
#define BOX_SIZE  (256UL << 10)
#define RAM_END   (VIRT_RAM + (128UL << 20))
#define BUFFERS   (BOX + 0x20000)
#define ACCESSES  50000
#define STEPS     25000
#define STORM_MAX 3000 /* interrupts that one hart takes in one case */
#define SLOTS     8
#define NUM       8

#define REG_DEVICE_ID 0x008
#define REG_FEATURES  0x010
#define REG_STATUS    0x070
#define REG_NOTIFY    0x050
#define REG_ISR       0x060
#define REG_ACK       0x064
#define MIP_ALL       (MIP_MSIP | MIP_MTIP | MIP_MEIP)
#define PLIC_M(hart)  (VIRT_PLIC + 0x200000 + 0x2000UL * (hart))
#define PLIC_EN(hart) (VIRT_PLIC + 0x2000 + 0x100UL * (hart))

static struct {
    uint64_t random;
    unsigned storm;
} per_hart[GUEST_MAX_HARTS];

static unsigned harts;

static uint64_t next(void)
{
    uint64_t x = per_hart[guest_hart_id()].random;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return per_hart[guest_hart_id()].random = x;
}

/* ---- values and addresses ---- */

/* Half of an address in RAM outside the box becomes one that is none. */
static uint32_t tame(uint32_t v)
{
    return v >> 27 == VIRT_RAM >> 27 ? v ^ 1u << 30 : v;
}

static uint64_t value(void)
{
    uint64_t r = next();
    switch (r % 8) {
    case 0:
        return 0;
    case 1:
        return ~0UL;
    case 2:
        return r >> 60;
    case 3:
        return r >> 48;
    case 4:
        return BOX + (r >> 32) % BOX_SIZE;
    default:
        return tame((uint32_t)(r >> 32)) | (uint64_t)tame((uint32_t)(r >> 3)) << 32;
    }
}

/* Where a descriptor or a ring may point. */
static uint64_t address(void)
{
    uint64_t r = next(), x = r >> 32;
    switch (r % 12) {
    case 0:
        return RAM_END - (x & 0xff) - 1; /* and past the end */
    case 1:
        return RAM_END + x;
    case 2:
        return VIRT_VIRTIO + x % (SLOTS * 0x1000); /* registers, perhaps its own */
    case 3:
        return VIRT_RAM - 1 - (x & 0xff);
    case 4:
        return 0UL - (x & 0xff);
    case 5:
        return (uint64_t)tame((uint32_t)x) | x << 40;
    default:
        return BOX + (x % BOX_SIZE & ~(r & 0x100 ? 0UL : 15UL));
    }
}

/* Short, or longer than all RAM behind the box. */
static uint32_t length(void)
{
    uint64_t r = next();
    switch (r % 6) {
    case 0:
        return 0;
    case 1:
        return 0xffffffffu - (uint32_t)(r >> 60);
    case 2:
        return 16;
    case 3:
        return 512u << (r >> 60);
    default:
        return 1 + (uint32_t)(r >> 40) % 1024;
    }
}

/* ---- any register ---- */

static unsigned long register_address(void)
{
    static const struct {
        unsigned long base, size;
    } windows[] = {
        {VIRT_RTC, 0x40},
        {VIRT_CLINT, 0x100},
        {VIRT_CLINT + 0x4000, 0x100},
        {VIRT_CLINT + 0xbff0, 16},
        {VIRT_PLIC, 0x200},
        {VIRT_PLIC + 0x1000, 0x80},
        {VIRT_PLIC + 0x2000, 0x800},
        {VIRT_PLIC + 0x200000, 16},
        {VIRT_PLIC + 0x201000, 16},
        {VIRT_PLIC, 0x600000},
        {VIRT_UART, 8},
        {VIRT_UART, 0x100},
        {VIRT_CLINT, 0x10000},
        {VIRT_TEST, 0x1000},
    };
    uint64_t r = next(), x = r >> 32;
    if (r % 2)
        return VIRT_VIRTIO + (x & 7) * 0x1000 + (x >> 3) % (r & 2 ? 0x120 : 0x1000);
    unsigned i = (unsigned)(r >> 8) % (sizeof(windows) / sizeof(windows[0]));
    return windows[i].base + x % windows[i].size;
}

/* The finisher would do what its words say. */
static bool ends_machine(unsigned long at, uint64_t v)
{
    uint16_t word = (uint16_t)v;
    return at >> 12 == VIRT_TEST >> 12 && (word == 0x5555 || word == 0x3333 || word == 0x7777);
}

static void access_any(void)
{
    unsigned long at = register_address();
    uint64_t r = next(), v = value();
    unsigned size = r & 3;
    if (r & 12)
        at &= ~((1UL << size) - 1);
    if (ends_machine(at, v))
        return;
    switch (size | (r & 16 ? 4 : 0)) {
    case 0:
        *(volatile uint8_t *)at;
        break;
    case 1:
        *(volatile uint16_t *)at;
        break;
    case 2:
        *(volatile uint32_t *)at;
        break;
    case 3:
        *(volatile uint64_t *)at;
        break;
    case 4:
        *(volatile uint8_t *)at = (uint8_t)v;
        break;
    case 5:
        *(volatile uint16_t *)at = (uint16_t)v;
        break;
    case 6:
        *(volatile uint32_t *)at = (uint32_t)v;
        break;
    case 7:
        *(volatile uint64_t *)at = v;
        break;
    }
}

/* ---- the storm ---- */

static void interrupt(struct guest_trap *t, unsigned hart)
{
    unsigned cause = t->cause & 63;
    if (cause == 3) {
        mmio_write32(CLINT_MSIP(hart), 0);
    } else if (cause == 7) { /* again soon, but the program must get on */
        mmio_write64(CLINT_MTIMECMP(hart), guest_mtime() + 300 + next() % 1000);
    } else {
        uint32_t source = mmio_read32(PLIC_M(hart) + 4);
        mmio_write32(PLIC_M(hart) + 4, source);
    }
    /* One that comes back at once would keep us for ever: the program turns it on again. */
    if (++per_hart[hart].storm % 8 == 0 || per_hart[hart].storm > STORM_MAX)
        csr_clear(mie, 1UL << cause);
}

static void hook(struct guest_trap *t)
{
    if (t->cause & CAUSE_INTERRUPT)
        interrupt(t, guest_hart_id());
    else if (t->cause == CAUSE_LOAD_ACCESS || t->cause == CAUSE_STORE_ACCESS ||
             t->cause == CAUSE_LOAD_MISALIGNED || t->cause == CAUSE_STORE_MISALIGNED)
        guest_trap_skip(t);
    else
        guest_exit(99);
}

static void storm_begin(unsigned hart)
{
    per_hart[hart].storm = 0;
    csr_set(mie, MIP_ALL);
    csr_set(mstatus, MSTATUS_MIE);
}

static void storm_go_on(unsigned hart, unsigned i)
{
    if (i % 16)
        return;
    csr_set(mie, per_hart[hart].storm < STORM_MAX ? MIP_ALL : 0);
    mmio_write32(PLIC_EN(hart), ~0u);
    mmio_write32(PLIC_M(hart), 0);
    mmio_write32(CLINT_MSIP(next() % harts), 1);
}

static void storm_end(void)
{
    csr_clear(mstatus, MSTATUS_MIE);
    csr_clear(mie, MIP_ALL);
}

static void attack_registers(void *arg)
{
    unsigned hart = guest_hart_id();
    (void)arg;
    storm_begin(hart);
    for (unsigned i = 0; i < ACCESSES; i++) {
        access_any();
        storm_go_on(hart, i);
    }
    storm_end();
}

/* ---- virtio ---- */

static unsigned long slot_base(unsigned slot)
{
    return VIRT_VIRTIO + 0x1000UL * slot;
}

/* Areas of a queue, in the box; every device of a slot has its own. */
static unsigned long area(unsigned slot, unsigned q, unsigned which)
{
    return BOX + 0x4000UL * slot + 0x2000UL * (q & 1) + 0x800UL * which;
}

static void queue_set(unsigned slot, unsigned q, uint32_t num, uint64_t desc, uint64_t avail,
                      uint64_t used)
{
    unsigned long base = slot_base(slot);
    const uint64_t at[3] = {desc, avail, used};
    mmio_write32(base + 0x30, q);
    mmio_write32(base + 0x38, num);
    for (unsigned i = 0; i < 3; i++) {
        mmio_write32(base + 0x80 + 0x10 * i, (uint32_t)at[i]);
        mmio_write32(base + 0x84 + 0x10 * i, (uint32_t)(at[i] >> 32));
    }
    mmio_write32(base + 0x44, 1);
}

static void handshake(unsigned slot, uint64_t mask)
{
    unsigned long base = slot_base(slot);
    mmio_write32(base + REG_STATUS, 0);
    mmio_write32(base + REG_STATUS, 3);
    for (uint32_t i = 0; i < 2; i++) {
        mmio_write32(base + 0x14, i);
        uint32_t offered = mmio_read32(base + REG_FEATURES);
        mmio_write32(base + 0x24, i);
        mmio_write32(base + 0x20, offered & (uint32_t)(mask >> 32 * i));
    }
    mmio_write32(base + REG_STATUS, 11);
}

static void start(unsigned slot, uint64_t mask)
{
    handshake(slot, mask);
    for (unsigned q = 0; q < 2; q++)
        queue_set(slot, q, NUM, area(slot, q, 0), area(slot, q, 1), area(slot, q, 2));
    mmio_write32(slot_base(slot) + REG_STATUS, 15);
}

static void put_desc(unsigned long at, uint64_t addr, uint32_t len, uint16_t flags, uint16_t next_)
{
    *(volatile uint64_t *)at = addr;
    *(volatile uint64_t *)(at + 8) = len | (uint64_t)flags << 32 | (uint64_t)next_ << 48;
}

static void random_desc(unsigned slot, unsigned q)
{
    uint64_t r = next();
    unsigned long at = area(slot, q, 0) + 16 * (r % NUM);
    if (r & 0x100) /* a table that an indirect descriptor may mean */
        at = BUFFERS + 16 * (r >> 20 & 0xfff);
    uint64_t to = r & 0x200 ? BUFFERS + (r >> 20 & 0xfff0) : address();
    put_desc(at, to, length(), (uint16_t)(r >> 12 & 7),
             (uint16_t)(r >> 15 & (r & 0x400 ? ~0u : 7)));
}

static void offer(unsigned slot, unsigned q, uint16_t head, uint16_t jump)
{
    volatile uint16_t *avail = (volatile uint16_t *)area(slot, q, 1);
    avail[2 + avail[1] % NUM] = head;
    __asm__ volatile("fence w, w" : : : "memory");
    avail[1] = (uint16_t)(avail[1] + jump);
}

/* A block request whose parts are right, but for what it asks. */
static void request(unsigned slot, unsigned q)
{
    uint64_t r = next();
    unsigned n = (unsigned)(r % (NUM - 2));
    unsigned long at = BUFFERS + 0x1000UL * n + 0x8000UL * (q & 1), table = area(slot, q, 0);
    *(volatile uint64_t *)at = r >> 8 & 15;
    *(volatile uint64_t *)(at + 8) = r & 0x1000 ? next() : next() % 2100;
    put_desc(table + 16 * n, at, 16, 1, (uint16_t)(n + 1));
    put_desc(table + 16 * (n + 1), at + 0x200, 512 << (r >> 16 & 1), r & 0x2000 ? 1 : 3,
             (uint16_t)(n + 2));
    put_desc(table + 16 * (n + 2), at + 0xfff, 1, 2, 0);
    offer(slot, q, (uint16_t)n, 1);
}

static void step(unsigned slot)
{
    unsigned long base = slot_base(slot);
    uint64_t r = next();
    unsigned q = r >> 8 & 1;
    switch (r % 16) {
    case 0:
    case 1:
        start(slot, r & 0x200 ? ~0UL : ~(next() & next() & 0xffffffff));
        break;
    case 2:
    case 3:
    case 4:
        random_desc(slot, q);
        break;
    case 5:
    case 6:
        offer(slot, q, r >> 16 & (r & 0x400 ? 0xffff : 7), r & 0x1800 ? 1 : (uint16_t)(r >> 40));
        break;
    case 7:
    case 8:
    case 9:
        request(slot, q);
        break;
    case 10:
    case 11:
        mmio_write32(base + REG_NOTIFY, (uint32_t)(r >> 8 & 3));
        break;
    case 12: /* size and addresses while it is live */
        if (r & 0x200)
            mmio_write32(base + 0x44, 0);
        queue_set(slot, q, r & 0x400 ? (uint32_t)next() : NUM, address(), address(), address());
        break;
    case 13:
        mmio_write32(base + REG_STATUS, 0); /* in flight */
        break;
    case 14:
        mmio_write32(base + REG_ACK, mmio_read32(base + REG_ISR));
        break;
    case 15:
        mmio_write32(base + 0x10 + 4 * (r >> 16 & 0x3f), (uint32_t)value());
        break;
    }
}

static void attack_virtio(void *arg)
{
    unsigned hart = guest_hart_id();
    (void)arg;
    storm_begin(hart);
    for (unsigned i = 0; i < STEPS; i++) {
        unsigned slot = next() % SLOTS;
        if (mmio_read32(slot_base(slot) + REG_DEVICE_ID))
            step(slot);
        storm_go_on(hart, i);
    }
    storm_end();
}

static void on_all_harts(void (*fn)(void *))
{
    harts = guest_hart_count();
    guest_trap_hook(hook);
    for (unsigned i = 0; i < harts; i++)
        per_hart[i].random = 0x9e3779b97f4a7c15 * (i + 1) + (unsigned long)fn;
    for (unsigned i = 1; i < harts; i++)
        guest_hart_start(i, fn, NULL);
    fn(NULL);
    for (unsigned i = 1; i < harts; i++)
        guest_hart_join(i);
    guest_trap_hook(NULL);
}

/* ---- that they still work ---- */

static void quiet(void)
{
    mmio_write64(CLINT_MTIME, 1000000);
    for (unsigned h = 0; h < harts; h++) {
        mmio_write32(CLINT_MSIP(h), 0);
        mmio_write64(CLINT_MTIMECMP(h), ~0UL);
        mmio_write32(PLIC_EN(h), 0);
    }
    for (unsigned s = 0; s < SLOTS; s++)
        mmio_write32(slot_base(s) + REG_STATUS, 0);
    mmio_write8(UART_LCR, 0);
    mmio_write8(UART_IER, 0);
    mmio_write8(UART_MCR, 0);
    mmio_write8(UART_FCR, 6);
}

static void check_clint(void)
{
    mmio_write64(CLINT_MTIMECMP(0), guest_mtime() + 1000);
    while (!(csr_read(mip) & MIP_MTIP))
        guest_pause();
    mmio_write64(CLINT_MTIMECMP(0), ~0UL);
    CHECK(!(csr_read(mip) & MIP_MTIP));
    mmio_write32(CLINT_MSIP(0), 1);
    CHECK(csr_read(mip) & MIP_MSIP);
    mmio_write32(CLINT_MSIP(0), 0);
    CHECK(!(csr_read(mip) & MIP_MSIP));
}

/* Loopback: the byte comes back, and its interrupt through the PLIC. */
static void check_uart_and_plic(void)
{
    for (unsigned source; (source = mmio_read32(PLIC_M(0) + 4));)
        mmio_write32(PLIC_M(0) + 4, source);
    for (unsigned source = 1; source < 96; source++) { /* what claims of the attack left open */
        mmio_write32(PLIC_EN(0) + source / 32 * 4, 1u << source % 32);
        mmio_write32(PLIC_M(0) + 4, source);
        mmio_write32(PLIC_EN(0) + source / 32 * 4, 0);
    }
    mmio_write8(UART_MCR, 0x10);
    while (mmio_read8(UART_LSR) & UART_LSR_DR)
        mmio_read8(UART_RBR);
    mmio_write32(VIRT_PLIC + 4 * VIRT_UART_IRQ, 7);
    mmio_write32(PLIC_M(0), 0);
    mmio_write32(PLIC_EN(0), 1u << VIRT_UART_IRQ);
    while (mmio_read32(PLIC_M(0) + 4) == VIRT_UART_IRQ)
        mmio_write32(PLIC_M(0) + 4, VIRT_UART_IRQ);
    mmio_write8(UART_IER, 1);
    mmio_write8(UART_THR, 0xa5);
    CHECK(csr_read(mip) & MIP_MEIP);
    CHECK_EQ(mmio_read32(PLIC_M(0) + 4), VIRT_UART_IRQ);
    CHECK_EQ(mmio_read8(UART_RBR), 0xa5);
    mmio_write32(PLIC_M(0) + 4, VIRT_UART_IRQ);
    CHECK(!(csr_read(mip) & MIP_MEIP));
    mmio_write8(UART_IER, 0);
    mmio_write8(UART_MCR, 0);
}

static void check_rtc(void)
{
    uint64_t low = mmio_read32(VIRT_RTC), a = low | (uint64_t)mmio_read32(VIRT_RTC + 4) << 32;
    while ((mmio_read32(VIRT_RTC) | (uint64_t)mmio_read32(VIRT_RTC + 4) << 32) == a)
        guest_pause();
}

/* One chain of queue q that starts at descriptor 0; the number of bytes written by the device. */
static uint32_t do_chain(unsigned slot, unsigned q)
{
    volatile uint32_t *used = (volatile uint32_t *)area(slot, q, 2);
    uint16_t before = (uint16_t)(used[0] >> 16);
    offer(slot, q, 0, 1);
    mmio_write32(slot_base(slot) + REG_NOTIFY, q);
    while ((uint16_t)(used[0] >> 16) == before)
        guest_pause();
    __asm__ volatile("fence r, r" : : : "memory");
    return used[2 + 2 * (before % NUM)];
}

static void check_block(unsigned slot)
{
    volatile uint64_t *head = (volatile uint64_t *)BUFFERS;
    volatile uint64_t *data = (volatile uint64_t *)(BUFFERS + 0x200);
    volatile uint8_t *status = (volatile uint8_t *)(BUFFERS + 0x800);
    for (unsigned write = 2; write-- > 0;) {
        head[0] = write;
        head[1] = 5;
        for (unsigned i = 0; i < 64; i++)
            data[i] = write ? i * 0x0123456789abcdef : 0;
        *status = 0xff;
        put_desc(area(slot, 0, 0), BUFFERS, 16, 1, 1);
        put_desc(area(slot, 0, 0) + 16, BUFFERS + 0x200, 512, write ? 1 : 3, 2);
        put_desc(area(slot, 0, 0) + 32, BUFFERS + 0x800, 1, 2, 0);
        CHECK_EQ(do_chain(slot, 0), write ? 1 : 513);
        CHECK_EQ(*status, 0);
    }
    for (unsigned i = 0; i < 64; i++)
        CHECK_EQ(data[i], i * 0x0123456789abcdef);
}

static void check_virtio(void)
{
    unsigned seen = 0;
    for (unsigned s = 0; s < SLOTS; s++) {
        uint32_t id = mmio_read32(slot_base(s) + REG_DEVICE_ID);
        if (!id)
            continue;
        memset((void *)area(s, 0, 0), 0, 0x4000);
        start(s, ~0UL);
        CHECK_EQ(mmio_read32(slot_base(s) + REG_STATUS), 15);
        if (id == 2)
            check_block(s);
        put_desc(area(s, id == 3, 0), BUFFERS, 64, id == 4 ? 2 : 0, 0);
        if (id == 3) /* the console takes output */
            CHECK_EQ(do_chain(s, 1), 0);
        if (id == 4)
            CHECK_EQ(do_chain(s, 0), 64);
        seen |= 1u << id;
    }
    CHECK_EQ(seen, 1u << 2 | 1u << 3 | 1u << 4);
}

static void check_all(void)
{
    quiet();
    check_clint();
    check_uart_and_plic();
    check_rtc();
    check_virtio();
    quiet();
}

/* ---- cases ---- */

static void test_registers(void)
{
    on_all_harts(attack_registers);
    check_all();
}

static void test_virtio(void)
{
    on_all_harts(attack_virtio);
    check_all();
}

int main(void)
{
    static const struct guest_case cases[] = {
        {"random accesses to all registers", test_registers},
        {"a virtio driver that breaks every rule", test_virtio},
    };
    return GUEST_RUN(cases);
}
