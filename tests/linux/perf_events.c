/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program for the guest's Linux, without a C library: counts and samples what
 * it does itself through perf_event_open, as `perf stat` and `perf record` do,
 * and prints for each what the kernel reports and "ok" or "not ok".  perf.sh
 * builds it and reads the lines.
 */
typedef unsigned long ulong;

enum { SYS_IOCTL = 29, SYS_CLOSE = 57, SYS_READ = 63, SYS_WRITE = 64, SYS_EXIT = 93 };
enum { SYS_GETPID = 172, SYS_MMAP = 222, SYS_PERF_EVENT_OPEN = 241 };

enum { TYPE_HARDWARE = 0, TYPE_CACHE = 3, TYPE_RAW = 4 };
enum { HW_CYCLES = 0, HW_INSTRUCTIONS = 1 };
enum { IOC_ENABLE = 0x2400, IOC_DISABLE = 0x2401 };
enum { DISABLED = 1, EXCLUDE_USER = 1 << 4, EXCLUDE_KERNEL = 1 << 5 };
enum { SAMPLE_IP = 1 };

/* struct perf_event_attr, PERF_ATTR_SIZE_VER0 */
struct attr {
    unsigned type, size;
    ulong config, sample_period, sample_type, read_format, flags;
    unsigned wakeup_events, bp_type;
    ulong config1;
};

static long call(long nr, long a, long b, long c, long d, long e, long f)
{
    register long a7 __asm__("a7") = nr;
    register long a0 __asm__("a0") = a;
    register long a1 __asm__("a1") = b;
    register long a2 __asm__("a2") = c;
    register long a3 __asm__("a3") = d;
    register long a4 __asm__("a4") = e;
    register long a5 __asm__("a5") = f;
    __asm__ volatile("ecall"
                     : "+r"(a0)
                     : "r"(a7), "r"(a1), "r"(a2), "r"(a3), "r"(a4), "r"(a5)
                     : "memory");
    return a0;
}

/* ---- output ---- */

static void put(const char *s)
{
    long n = 0;
    while (s[n])
        n++;
    call(SYS_WRITE, 1, (long)s, n, 0, 0, 0);
}

static void put_number(long v)
{
    char buf[24], *p = buf + sizeof(buf) - 1;
    ulong u = v < 0 ? 0UL - (ulong)v : (ulong)v;
    *p = 0;
    do
        *--p = (char)('0' + u % 10);
    while (u /= 10);
    put(v < 0 ? "-" : "");
    put(p);
}

static void report(const char *name, long value, long low, long high)
{
    put("perf: ");
    put(name);
    put(value >= low && value <= high ? ": ok (" : ": not ok (");
    put_number(value);
    put(")\n");
}

/* ---- work ---- */

#define LOOPS 1000000L

extern const char work_begin[], work_end[];

/* Two instructions for each n, and three. */
long work(long n);
__asm__(".globl work, work_begin, work_end\n"
        "work:\n"
        "work_begin:\n"
        "  addi a0, a0, -1\n"
        "  bnez a0, work_begin\n"
        "work_end:\n"
        "  ret\n");

static void work_loop(void)
{
    work(LOOPS);
}

static void work_calls(void)
{
    for (int i = 0; i < 100; i++)
        call(SYS_GETPID, 0, 0, 0, 0, 0, 0);
}

#define PAGES 2000

static void work_pages(void)
{
    char *p = (char *)call(SYS_MMAP, 0, PAGES * 4096, 3, 0x22, -1, 0);
    for (long i = 0; i < PAGES; i++)
        *(volatile char *)(p + i * 4096) = 1;
    for (long i = 0; i < PAGES; i++)
        (void)*(volatile char *)(p + i * 4096);
}

/* ---- events ---- */

static long open_event(unsigned type, ulong config, ulong flags, ulong period)
{
    struct attr a = {.type = type, .size = sizeof(a), .config = config};
    a.flags = DISABLED | flags;
    a.sample_period = period;
    a.sample_type = period ? SAMPLE_IP : 0;
    return call(SYS_PERF_EVENT_OPEN, (long)&a, 0, -1, -1, 0, 0);
}

/* What the kernel counts of the event while fn runs; negative: an error. */
static long count(unsigned type, ulong config, ulong flags, void (*fn)(void))
{
    long fd = open_event(type, config, flags, 0), value = 0;
    if (fd < 0)
        return fd;
    call(SYS_IOCTL, fd, IOC_ENABLE, 0, 0, 0, 0);
    fn();
    call(SYS_IOCTL, fd, IOC_DISABLE, 0, 0, 0, 0);
    call(SYS_READ, fd, (long)&value, sizeof(value), 0, 0, 0);
    call(SYS_CLOSE, fd, 0, 0, 0, 0, 0);
    return value;
}

#define PERIOD 100000L

struct sample {
    unsigned type;
    unsigned short misc, size;
    ulong ip;
};

/* Samples of the event while work_loop runs, those outside of it as -1000 each. */
static long sample(unsigned type, ulong config)
{
    long fd = open_event(type, config, EXCLUDE_KERNEL, PERIOD), n = 0;
    if (fd < 0)
        return fd;
    char *ring = (char *)call(SYS_MMAP, 0, 2 * 4096, 3, 1, fd, 0);
    if ((ulong)ring > -4096UL)
        return (long)ring;
    call(SYS_IOCTL, fd, IOC_ENABLE, 0, 0, 0, 0);
    work_loop();
    call(SYS_IOCTL, fd, IOC_DISABLE, 0, 0, 0, 0);
    ulong head = *(volatile ulong *)(ring + 1024);
    for (ulong at = 0; at + sizeof(struct sample) <= head;) {
        const struct sample *s = (const struct sample *)(ring + 4096 + at);
        if (s->type == 9)
            n += s->ip >= (ulong)work_begin && s->ip <= (ulong)work_end ? 1 : -1000;
        at += s->size;
        if (!s->size)
            break;
    }
    return n;
}

static void run(void)
{
    /* Around the loop there are some instructions of the system calls' own wrappers. */
    report("instructions of the user",
           count(TYPE_HARDWARE, HW_INSTRUCTIONS, EXCLUDE_KERNEL, work_loop), 2 * LOOPS,
           2 * LOOPS + 500);
    report("cycles of the user", count(TYPE_HARDWARE, HW_CYCLES, EXCLUDE_KERNEL, work_loop),
           2 * LOOPS, 2 * LOOPS + 500);
    report("instructions of all", count(TYPE_HARDWARE, HW_INSTRUCTIONS, 0, work_loop),
           2 * LOOPS + 501, 100 * LOOPS);
    report("instructions of the kernel",
           count(TYPE_HARDWARE, HW_INSTRUCTIONS, EXCLUDE_USER, work_calls), 100 * 20, LOOPS);
    report("dTLB-store-misses", count(TYPE_CACHE, 3 | 1 << 8 | 1 << 16, EXCLUDE_KERNEL, work_pages),
           PAGES, 10 * PAGES);
    report("exceptions, raw", count(TYPE_RAW, 0x20001, EXCLUDE_KERNEL, work_calls), 100, 200);
    report("page walks, raw", count(TYPE_RAW, 0x20003, EXCLUDE_KERNEL, work_pages), PAGES,
           10 * PAGES);
    report("samples of instructions", sample(TYPE_HARDWARE, HW_INSTRUCTIONS),
           2 * LOOPS / PERIOD - 1, 2 * LOOPS / PERIOD);
    report("samples of cycles", sample(TYPE_HARDWARE, HW_CYCLES), 2 * LOOPS / PERIOD - 1,
           2 * LOOPS / PERIOD);
}

void _start(void)
{
    run();
    call(SYS_EXIT, 0, 0, 0, 0, 0, 0);
}
