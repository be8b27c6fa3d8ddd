/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Harts, locks, traps and the test list of guest programs; crt.S enters
 * guest_start() on every hart and guest_trap_dispatch() for every trap.
 */
#include "guest.h"

int main(void);
void guest_start(unsigned long hart, const void *fdt);
void guest_trap_dispatch(struct guest_trap *t);
unsigned long guest_enter(unsigned long arg, unsigned long (*fn)(unsigned long), unsigned long mpp,
                          unsigned long *sp_slot);
extern char guest_enter_done[];

struct guest_hart {
    void (*fn)(void *); /* set by guest_hart_start(), cleared by the hart when done */
    void *arg;
    unsigned accepted;           /* the hart took fn and cleared its IPI */
    unsigned long enter_sp;      /* owner only: see guest_enter in crt.S */
    struct guest_caught *caught; /* owner only */
} __attribute__((aligned(64)));

static struct guest_hart harts[GUEST_MAX_HARTS];
static const void *machine_fdt;
static guest_trap_fn *trap_hook;
static unsigned current_case; /* from 1; exit code of a failed CHECK */
static const char *current_name;

/* ---- device tree ---- */
static uint32_t be32(const void *p)
{
    return __builtin_bswap32(*(const uint32_t *)p);
}

void guest_set_fdt(const void *fdt)
{
    machine_fdt = fdt;
}

const void *guest_fdt(void)
{
    return machine_fdt;
}

/* What a walk over the tree finds. */
struct fdt_facts {
    unsigned harts;       /* nodes named cpu@...; Devicetree Specification 5.4 */
    const char *bootargs; /* the property of that name, wherever it is; NULL if there is none */
};

static struct fdt_facts fdt_walk(void)
{
    enum { BEGIN_NODE = 1, END_NODE, PROP, NOP };
    const char *fdt = machine_fdt;
    struct fdt_facts f = {0, NULL};

    if (!fdt || be32(fdt) != 0xd00dfeed)
        return f;
    for (const char *p = fdt + be32(fdt + 8);;) {
        uint32_t token = be32(p);

        p += 4;
        if (token == BEGIN_NODE) {
            f.harts += memcmp(p, "cpu@", 4) == 0;
            p += (strlen(p) + 4) & ~3UL;
        } else if (token == PROP) {
            if (!strcmp(fdt + be32(fdt + 12) + be32(p + 4), "bootargs"))
                f.bootargs = p + 8;
            p += 8 + ((be32(p) + 3UL) & ~3UL);
        } else if (token != END_NODE && token != NOP) {
            break;
        }
    }
    return f;
}

unsigned guest_hart_count(void)
{
    unsigned n = fdt_walk().harts;
    return n ? n : 1;
}

/* Behind NAME= in the last word of the arguments that begins so, or NULL. */
static const char *argument_find(const char *name)
{
    const char *p = fdt_walk().bootargs, *found = NULL;
    size_t len = strlen(name);

    while (p && *p) {
        if (!memcmp(p, name, len) && p[len] == '=')
            found = p + len + 1;
        while (*p && *p++ != ' ')
            ;
    }
    return found;
}

uint64_t guest_argument(const char *name, uint64_t value)
{
    const char *p = argument_find(name);

    if (p)
        for (value = 0; *p >= '0' && *p <= '9'; p++)
            value = value * 10 + (uint64_t)(*p - '0');
    return value;
}

bool guest_argument_text(const char *name, char *buf, size_t size)
{
    const char *p = argument_find(name);
    size_t n = 0;

    while (p && *p && *p != ' ' && n + 1 < size)
        buf[n++] = *p++;
    buf[n] = 0;
    return p != NULL;
}

/* ---- harts ---- */
void guest_ipi_send(unsigned hart)
{
    mmio_write32(CLINT_MSIP(hart), 1);
}

void guest_ipi_clear(unsigned hart)
{
    mmio_write32(CLINT_MSIP(hart), 0);
}

static void hart_serve(struct guest_hart *h, unsigned id)
{
    csr_set(mie, MIP_MSIP);
    for (;;) {
        guest_ipi_clear(id);
        void (*fn)(void *) = __atomic_load_n(&h->fn, __ATOMIC_ACQUIRE);
        if (!fn) {
            guest_wfi();
            continue;
        }
        guest_ipi_clear(id);
        __atomic_store_n(&h->accepted, 1, __ATOMIC_RELEASE);
        fn(h->arg);
        csr_clear(mstatus, MSTATUS_MIE);
        csr_write(mie, MIP_MSIP);
        __atomic_store_n(&h->fn, NULL, __ATOMIC_RELEASE);
    }
}

void guest_start(unsigned long hart, const void *fdt)
{
    if (hart != 0)
        hart_serve(&harts[hart], (unsigned)hart);
    machine_fdt = fdt;
    guest_exit(main());
}

void guest_hart_start(unsigned hart, void (*fn)(void *), void *arg)
{
    struct guest_hart *h = &harts[hart];

    guest_hart_join(hart);
    h->arg = arg;
    __atomic_store_n(&h->accepted, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&h->fn, fn, __ATOMIC_RELEASE);
    guest_ipi_send(hart);
    while (!__atomic_load_n(&h->accepted, __ATOMIC_ACQUIRE))
        guest_pause();
}

void guest_hart_join(unsigned hart)
{
    while (__atomic_load_n(&harts[hart].fn, __ATOMIC_ACQUIRE))
        guest_pause();
}

/* ---- locks ---- */
void guest_lock(struct guest_lock *l)
{
    while (__atomic_exchange_n(&l->held, 1, __ATOMIC_ACQUIRE))
        while (__atomic_load_n(&l->held, __ATOMIC_RELAXED))
            guest_pause();
}

void guest_unlock(struct guest_lock *l)
{
    __atomic_store_n(&l->held, 0, __ATOMIC_RELEASE);
}

void guest_barrier_wait(struct guest_barrier *b, unsigned n)
{
    unsigned sense = __atomic_load_n(&b->sense, __ATOMIC_RELAXED);

    if (__atomic_add_fetch(&b->count, 1, __ATOMIC_ACQ_REL) == n) {
        __atomic_store_n(&b->count, 0, __ATOMIC_RELAXED);
        __atomic_store_n(&b->sense, sense + 1, __ATOMIC_RELEASE);
        return;
    }
    while (__atomic_load_n(&b->sense, __ATOMIC_ACQUIRE) == sense)
        guest_pause();
}

/* ---- traps ---- */
void guest_trap_hook(guest_trap_fn *fn)
{
    __atomic_store_n(&trap_hook, fn, __ATOMIC_RELEASE);
}

void guest_catch(struct guest_caught *c)
{
    struct guest_hart *h = &harts[guest_hart_id()];

    if (c)
        *c = (struct guest_caught){~0UL, 0, 0};
    *(struct guest_caught *volatile *)&h->caught = c;
}

/* The halfword at epc as the trapped mode would fetch it. */
static uint16_t trap_fetch16(const struct guest_trap *t)
{
    unsigned long bits = MSTATUS_MPRV | MSTATUS_MXR;
    uint16_t v;

    if ((t->status & MSTATUS_MPP) == MSTATUS_MPP)
        return *(const volatile uint16_t *)t->epc;
    __asm__ volatile("csrs mstatus, %1; lhu %0, 0(%2); csrc mstatus, %1"
                     : "=&r"(v)
                     : "r"(bits), "r"(t->epc)
                     : "memory");
    csr_write(mstatus, t->status & ~MSTATUS_MIE);
    return v;
}

void guest_trap_skip(struct guest_trap *t)
{
    t->epc += (trap_fetch16(t) & 3) == 3 ? 4 : 2;
}

static void trap_catch(struct guest_trap *t, struct guest_hart *h)
{
    *h->caught = (struct guest_caught){t->cause, t->epc, t->tval};
    h->caught = NULL;
    if (t->cause == CAUSE_FETCH_PAGE || t->cause == CAUSE_FETCH_ACCESS ||
        t->cause == CAUSE_FETCH_MISALIGNED)
        t->epc = t->x[1];
    else
        guest_trap_skip(t);
}

static void trap_unexpected(const struct guest_trap *t)
{
    guest_printf("# hart %u: unexpected trap: cause %lx epc %lx tval %lx status %lx ra %lx\n",
                 guest_hart_id(), t->cause, t->epc, t->tval, t->status, t->x[1]);
    if (current_case)
        guest_printf("not ok %u - %s\n", current_case, current_name);
    guest_exit(current_case ? (int)current_case : 100);
}

static bool trap_is_return(const struct guest_trap *t)
{
    return (t->cause == CAUSE_ECALL_U || t->cause == CAUSE_ECALL_S || t->cause == CAUSE_ECALL_M) &&
           t->x[17] == GUEST_ECALL_RETURN;
}

void guest_trap_dispatch(struct guest_trap *t)
{
    struct guest_hart *h = &harts[csr_read(mhartid)];
    guest_trap_fn *hook = __atomic_load_n(&trap_hook, __ATOMIC_ACQUIRE);

    if (trap_is_return(t)) {
        t->epc = (unsigned long)guest_enter_done;
        t->x[2] = h->enter_sp;
        t->status |= MSTATUS_MPP;
    } else if (h->caught && !(t->cause & CAUSE_INTERRUPT)) {
        trap_catch(t, h);
    } else if (hook) {
        hook(t);
    } else {
        trap_unexpected(t);
    }
}

unsigned long guest_run_in(int mode, unsigned long (*fn)(unsigned long), unsigned long arg)
{
    struct guest_hart *h = &harts[guest_hart_id()];

    return guest_enter(arg, fn, (unsigned long)mode << 11, &h->enter_sp);
}

/* ---- tests ---- */
void guest_fail(const char *file, int line, const char *what, unsigned long got, unsigned long want)
{
    guest_printf("not ok %u - %s\n", current_case, current_name ? current_name : "program");
    guest_printf("# %s:%d: hart %u: %s: got 0x%lx, want 0x%lx\n", file, line, guest_hart_id(), what,
                 got, want);
    guest_exit(current_case ? (int)current_case : 101);
}

int guest_run_cases(const struct guest_case *cases, unsigned n)
{
    guest_printf("1..%u\n", n);
    for (unsigned i = 0; i < n; i++) {
        current_case = i + 1;
        current_name = cases[i].name;
        cases[i].fn();
        guest_printf("ok %u - %s\n", i + 1, cases[i].name);
    }
    current_case = 0;
    return 0;
}
