/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Device registers through page tables: two neighbouring pages, each of them RAM,
 * RAM without a permission, a device, nothing, or absent, and six accesses around
 * the border between them: loads and stores of every width, most of them across
 * it, in S or U, and instructions whose second half lies in the second page.
 * Noted are cause, tval and value.
 *
 * What the manual leaves open is not noted but checked here, on both sides: a
 * misaligned access whose parts a device takes may be done, part by part, or be
 * an access fault at the first byte that is a device's (Privileged, Idempotency
 * PMAs, recommends that; QEMU does it, manyhart does not); of two pages that both
 * fault either may be told; of a store that faults the part in RAM may have been
 * stored (Privileged, Sv32, Addressing and Memory Protection).
 */
#include "scenario.h"

#define VA        0x40000000UL
#define RAM       (VIRT_RAM + (64UL << 20)) /* two pages, with a page between them */
#define NOWHERE   0x60000UL                 /* nothing is there on either machine */
#define PLIC_CTX  (VIRT_PLIC + 0x200000)
#define FINE      (~0UL)
#define RW        (PTE_R | PTE_W)
#define C_JR_RA   0x8082
#define ADDI_LOW  0x0513 /* the halves of addi a0, a0, imm */
#define ADDI_HIGH 0x0005
#define UART_REGS 8
#define RTC_REGS  0x20

enum kind {
    KIND_RAM,
    KIND_RAM_R,
    KIND_MSIP,
    KIND_MTIMECMP,
    KIND_PRIORITY,
    KIND_THRESHOLD,
    KIND_RTC,
    KIND_UART,
    KIND_NOTHING,
    KIND_ABSENT,
    KINDS
};

/* takes: widths that its registers have; known: the test knows what they hold. */
static const struct {
    unsigned long pa;
    uint64_t flags;
    uint8_t takes;
    bool device, known;
} kinds[KINDS] = {
    [KIND_RAM] = {RAM, PTE_V | PTE_RWX, 15, false, true},
    [KIND_RAM_R] = {RAM, PTE_V | PTE_R, 15, false, true},
    [KIND_MSIP] = {VIRT_CLINT, PTE_V | PTE_RWX, 4, true, true},
    [KIND_MTIMECMP] = {VIRT_CLINT + 0x4000, PTE_V | PTE_RWX, 4 | 8, true, true},
    [KIND_PRIORITY] = {VIRT_PLIC, PTE_V | PTE_R | PTE_X, 4, true, true},
    [KIND_THRESHOLD] = {PLIC_CTX, PTE_V | PTE_R | PTE_X, 4, true, true},
    [KIND_RTC] = {VIRT_RTC, PTE_V | PTE_R | PTE_X, 4, true, false},
    [KIND_UART] = {VIRT_UART, PTE_V | PTE_R, 1 | 2 | 4 | 8, true, false},
    [KIND_NOTHING] = {NOWHERE, PTE_V | PTE_RWX, 0, true, false},
    [KIND_ABSENT] = {0, 0, 0, false, false},
};

static enum kind kind[2];
static unsigned mode;
static uint64_t mtimecmp;
static uint32_t priority, threshold, msip;

static uint8_t *ram(unsigned page)
{
    return (uint8_t *)(RAM + 2 * PAGE * page);
}

/* ---- before ---- */

static void set_registers(void)
{
    mtimecmp = any();
    priority = any_of(8);
    threshold = any_of(8);
    msip = any_of(2);
    mmio_write64(CLINT_MTIMECMP(0), mtimecmp);
    mmio_write32(CLINT_MSIP(0), msip);
    mmio_write32(VIRT_PLIC + 4, priority);
    mmio_write32(PLIC_CTX, threshold);
}

static void fill_ram(void)
{
    for (unsigned i = 0; i < 64; i++) {
        ram(0)[PAGE - 64 + i] = (uint8_t)any();
        ram(1)[i] = (uint8_t)any();
    }
}

static void map_pages(void)
{
    mode = percent(50) ? PRIV_S : PRIV_U;
    uint64_t user = mode == PRIV_U ? PTE_U : 0;
    CHECK(paging_begin(3));
    paging_map_program(pg.root, user);
    for (unsigned i = 0; i < 2; i++) {
        kind[i] = percent(35) ? KIND_RAM : any_of(KINDS);
        unsigned long pa = kinds[kind[i]].pa + (kinds[kind[i]].pa == RAM ? 2 * PAGE * i : 0);
        paging_map(VA + i * PAGE, pa, 0, kinds[kind[i]].flags | PTE_AD | user);
        setting("kind", kind[i]);
    }
    setting("mode", mode);
    sfence_all();
}

/* ---- what is due ---- */

/* What a byte of a page holds: of registers, as words from the page's begin. */
static uint8_t byte_at(unsigned page, unsigned offset)
{
    uint64_t low = 0;
    switch (kind[page]) {
    case KIND_MSIP:
        low = msip;
        break;
    case KIND_MTIMECMP:
        low = mtimecmp;
        break;
    case KIND_PRIORITY:
        low = (uint64_t)priority << 32;
        break;
    case KIND_THRESHOLD:
        low = threshold;
        break;
    default:
        return ram(page)[offset];
    }
    return offset < 8 ? (uint8_t)(low >> (8 * offset)) : 0;
}

static bool permitted(unsigned page, bool store)
{
    return kinds[kind[page]].flags & (store ? PTE_W : PTE_R);
}

/* Whether the device has registers for the parts that an access of its page makes, each as wide as
 * its address is aligned. */
static bool taken_in_parts(unsigned page, unsigned offset, unsigned bytes)
{
    while (bytes) {
        unsigned part = 8;
        while ((offset | bytes) & (part - 1))
            part /= 2;
        if (!(kinds[kind[page]].takes & part))
            return false;
        offset += part;
        bytes -= part;
    }
    return true;
}

/* An access: the bytes in each page, from offset on. */
struct access {
    unsigned long at;
    unsigned size, offset[2], bytes[2];
    bool store;
    uint64_t value;
};

static bool touches_device(const struct access *a, unsigned page)
{
    return a->bytes[page] && kinds[kind[page]].device;
}

static bool page_faults(const struct access *a, unsigned page)
{
    return a->bytes[page] && !permitted(page, a->store);
}

/* The manual lets it be done or be refused, or either page's fault be told. */
static bool is_open(const struct access *a)
{
    bool misaligned = a->at & (a->size - 1);
    if (!misaligned)
        return false;
    if (touches_device(a, 0) && !page_faults(a, 0) && page_faults(a, 1))
        return true;
    for (unsigned i = 0; i < 2; i++)
        if (page_faults(a, i) ||
            (touches_device(a, i) && !taken_in_parts(i, a->offset[i], a->bytes[i])))
            return touches_device(a, 0) && i == 1;
    return touches_device(a, 0) || touches_device(a, 1);
}

static uint64_t due_value(const struct access *a)
{
    uint64_t v = 0;
    for (unsigned i = a->size; i--;) {
        bool second = i >= a->bytes[0];
        v = v << 8 | byte_at(second, second ? a->offset[1] + i - a->bytes[0] : a->offset[0] + i);
    }
    return v;
}

static void check_open(const struct access *a, uint64_t value)
{
    unsigned long first = touches_device(a, 0) || !a->bytes[0] ? a->at : VA + PAGE;
    unsigned long access = a->store ? CAUSE_STORE_ACCESS : CAUSE_LOAD_ACCESS;
    unsigned long page = a->store ? CAUSE_STORE_PAGE : CAUSE_LOAD_PAGE;
    if (probed.cause == FINE) {
        CHECK(!page_faults(a, 0) && !page_faults(a, 1));
        for (unsigned i = 0; i < 2; i++)
            if (a->bytes[i] && !kinds[kind[i]].known)
                return;
        if (!a->store)
            CHECK_EQ(value, due_value(a));
    } else if (probed.cause == page) {
        CHECK(page_faults(a, 1));
        CHECK_EQ(probed.tval, VA + PAGE);
    } else {
        CHECK_EQ(probed.cause, access);
        CHECK(probed.tval >= first && probed.tval < a->at + a->size);
    }
}

/* RAM holds what it held, but for the bytes of a store, which may be there if it faulted. */
static void check_ram(const struct access *a, const uint8_t *before)
{
    for (unsigned i = 0; i < 128; i++) {
        unsigned page = i / 64, offset = page ? i - 64 : (unsigned)PAGE - 64 + i;
        unsigned from = offset - a->offset[page];
        uint8_t now = ram(page)[offset];
        bool inside = a->store && kind[page] == KIND_RAM && from < a->bytes[page];
        uint8_t stored = (uint8_t)(a->value >> (8 * (from + (page ? a->bytes[0] : 0))));
        CHECK(now == (inside ? stored : before[i]) || (probed.cause != FINE && now == before[i]));
    }
}

/* ---- accesses ---- */

static struct access any_access(void)
{
    struct access a = {.size = 1U << any_of(4), .store = percent(40), .value = any()};
    unsigned offset = (unsigned)PAGE - any_of(a.size ? a.size : 1);
    if (percent(35))
        offset = percent(50) ? any_of(12) + (unsigned)PAGE : (unsigned)PAGE - 8 - any_of(12);
    a.at = VA + offset;
    for (unsigned i = 0; i < a.size; i++) {
        unsigned page = (offset + i) / (unsigned)PAGE;
        if (!a.bytes[page]++)
            a.offset[page] = (offset + i) % (unsigned)PAGE;
    }
    return a;
}

static uint64_t do_access(const struct access *a)
{
    unsigned long status = probe_status(mode, 0), at = a->at;
    uint64_t value = a->store ? a->value : 0;
    switch (a->size | (a->store ? 16U : 0)) {
    case 1:
        PROBE("lbu %0, 0(%2)", at, status, "+&r"(value));
        break;
    case 2:
        PROBE("lhu %0, 0(%2)", at, status, "+&r"(value));
        break;
    case 4:
        PROBE("lwu %0, 0(%2)", at, status, "+&r"(value));
        break;
    case 8:
        PROBE("ld %0, 0(%2)", at, status, "+&r"(value));
        break;
    case 17:
        PROBE("sb %0, 0(%2)", at, status, "+&r"(value));
        break;
    case 18:
        PROBE("sh %0, 0(%2)", at, status, "+&r"(value));
        break;
    case 20:
        PROBE("sw %0, 0(%2)", at, status, "+&r"(value));
        break;
    default:
        PROBE("sd %0, 0(%2)", at, status, "+&r"(value));
    }
    probe_end(0);
    return value;
}

static void note_access(const struct access *a, uint64_t value)
{
    bool known = true;
    for (unsigned i = 0; i < 2; i++)
        known &= !a->bytes[i] || kinds[kind[i]].known;
    note("cause", probed.cause);
    if (probed.cause != FINE)
        note("tval", probed.tval);
    else if (known)
        note("value", value);
}

/* Where the two machines' devices differ: UART and clock behind their registers, the clock as 64
 * bits. */
static bool is_machines_own(const struct access *a)
{
    for (unsigned i = 0; i < 2; i++) {
        unsigned end = a->offset[i] + a->bytes[i];
        if (a->bytes[i] && kind[i] == KIND_UART && end > UART_REGS)
            return true;
        if (a->bytes[i] && kind[i] == KIND_RTC && (end > RTC_REGS || a->bytes[i] == 8))
            return true;
    }
    return false;
}

static void access_data(void)
{
    static uint8_t before[128];
    struct access a = any_access();
    if (is_machines_own(&a))
        return;
    memcpy(before, ram(0) + PAGE - 64, 64);
    memcpy(before + 64, ram(1), 64);
    setting("at", a.at);
    setting(a.store ? "store" : "load", a.size);
    uint64_t value = do_access(&a);
    if (is_open(&a))
        check_open(&a, value);
    else
        note_access(&a, value);
    check_ram(&a, before);
    set_registers();
    fill_ram();
}

/* An instruction across the border, then a return. */
static void access_code(void)
{
    unsigned long result;
    if (kind[0] != KIND_RAM || kind[1] == KIND_UART)
        return;
    *(uint16_t *)(ram(0) + PAGE - 2) = ADDI_LOW;
    *(uint16_t *)ram(1) = (uint16_t)((any() & 0xfff0) | ADDI_HIGH);
    *(uint16_t *)(ram(1) + 2) = C_JR_RA;
    __asm__ volatile("fence.i" : : : "memory");
    setting("code", 0);
    probe_call(VA + PAGE - 2, mode, 5, &result);
    note("fetch", probed.cause);
    if (probed.cause == FINE) {
        note("result", result);
    } else {
        note("epc", probed.epc);
        note("tval", probed.tval);
    }
}

static void scenario(void)
{
    set_registers();
    fill_ram();
    map_pages();
    for (unsigned i = 0; i < 6; i++) {
        if (percent(85))
            access_data();
        else
            access_code();
    }
    paging_end();
    mmio_write32(CLINT_MSIP(0), 0);
    mmio_write64(CLINT_MTIMECMP(0), ~0UL);
}

int main(void)
{
    return scenario_run(scenario);
}
