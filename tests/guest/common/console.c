/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Console and end of a guest program: HTIF (GUEST_HTIF) or the virt machine's
 * UART and test finisher (GUEST_VIRT).  Any hart; a lock keeps lines whole.
 * tohost holds one command at a time: the host takes it and writes 0.
 */
#include "guest.h"

static struct guest_lock console_lock;

#if GUEST_HTIF
#define HTIF_PUTCHAR (0x0101UL << 48)

extern volatile uint64_t tohost;

static void console_send(char c)
{
    while (tohost)
        guest_pause();
    tohost = HTIF_PUTCHAR | (unsigned char)c;
    while (tohost)
        guest_pause();
}

void guest_exit(int code)
{
    tohost = (uint64_t)(unsigned)code << 1 | 1;
    for (;;)
        guest_wfi();
}
#else
#define TEST_PASS 0x5555
#define TEST_FAIL 0x3333

static void console_send(char c)
{
    while (!(mmio_read8(UART_LSR) & UART_LSR_THRE))
        guest_pause();
    mmio_write8(UART_THR, (uint8_t)c);
}

void guest_exit(int code)
{
    mmio_write32(VIRT_TEST, code ? (uint32_t)code << 16 | TEST_FAIL : TEST_PASS);
    for (;;)
        guest_wfi();
}
#endif

static void console_write(const char *s)
{
    guest_lock(&console_lock);
    while (*s)
        console_send(*s++);
    guest_unlock(&console_lock);
}

void guest_putchar(char c)
{
    char s[2] = {c, 0};

    console_write(s);
}

void guest_puts(const char *s)
{
    console_write(s);
}

int guest_printf(const char *fmt, ...)
{
    char buf[256];
    va_list ap;

    va_start(ap, fmt);
    int n = guest_vsnprintf(buf, sizeof(buf), fmt, ap);
    va_end(ap);
    console_write(buf);
    return n;
}
