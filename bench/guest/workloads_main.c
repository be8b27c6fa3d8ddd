/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The workloads as a bare-metal program: words workload=NAME iterations=N of --append say what to
 * run (10 iterations).  The clock is the CLINT's mtime, which needs no firmware; instructions are
 * minstret, which some simulators count otherwise (QEMU: host time).
 */
#include "driver.h"
#include "guest.h"

#define NS_PER_TICK (1000000000 / VIRT_MTIME_HZ)

static unsigned char memory[ARENA_SIZE] __attribute__((aligned(4096)));

uint64_t platform_now_ns(void)
{
    return guest_mtime() * NS_PER_TICK;
}

uint64_t platform_clock_ns(void)
{
    return NS_PER_TICK;
}

bool platform_instructions(uint64_t *n)
{
    *n = csr_read(minstret);
    return true;
}

static void print_line(const char *fmt, va_list ap)
{
    char line[256];

    guest_vsnprintf(line, sizeof(line), fmt, ap);
    guest_puts(line);
}

void platform_print(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    print_line(fmt, ap);
    va_end(ap);
}

void platform_error(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    print_line(fmt, ap);
    va_end(ap);
}

void platform_exit(int code)
{
    guest_exit(code);
}

int main(void)
{
    char selection[64];

    if (!guest_argument_text("workload", selection, sizeof(selection))) {
        platform_error("bench: say what to run: --append 'workload=NAME iterations=N'; NAME is a "
                       "workload, a group, all, or list\n");
        return DRIVER_USAGE;
    }
    return driver_run(workloads, workload_count, selection, guest_argument("iterations", 10),
                      memory, sizeof(memory));
}
