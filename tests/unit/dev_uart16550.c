/* SPDX-License-Identifier: Apache-2.0 */
/* dev/uart16550.c: loopback, FIFOs, interrupt identification, back pressure in both directions. */
#include "tests/unit/dev_double.h"

#include "dev/chardev.h"
#include "dev/uart16550.h"

enum { THR, IER, IIR, LCR, MCR, LSR, MSR, SCR, FCR = IIR, RBR = THR };
enum { IRQ = UART16550_IRQ };

struct fixture {
    struct machine_double *m;
    struct chardev *c;
    struct dev *d;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    f->m = double_create();
    struct chardev_config cc = {.kind = CHARDEV_MEMORY};
    assert_int_equal(chardev_create(&f->c, f->m->env.loop, &cc), 0);
    struct uart16550_config cfg = {f->c};
    struct irq_line line = double_line(f->m, IRQ);
    assert_int_equal(
        dev_create(&f->d, &uart16550_type, &f->m->env, "uart0", UART16550_BASE, &line, IRQ, &cfg),
        0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    dev_destroy(f->d);
    chardev_destroy(f->c);
    double_destroy(f->m);
    free(f);
    return 0;
}

static uint8_t rd(struct fixture *f, unsigned reg)
{
    return (uint8_t)double_read(f->m, UART16550_BASE + reg, 1);
}

static void wr(struct fixture *f, unsigned reg, uint8_t value)
{
    double_write(f->m, UART16550_BASE + reg, 1, value);
}

static void state_after_reset(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(rd(f, LSR), 0x60);
    assert_int_equal(rd(f, IIR), 0x01);
    assert_int_equal(rd(f, IER), 0);
    assert_int_equal(rd(f, MSR), 0xb0);
    wr(f, SCR, 0x5a);
    assert_int_equal(rd(f, SCR), 0x5a);
    wr(f, LCR, 0x83);
    wr(f, THR, 0x01);
    wr(f, IER, 0x02);
    assert_int_equal(rd(f, RBR), 0x01);
    assert_int_equal(rd(f, IER), 0x02);
    wr(f, LCR, 0x03);
    assert_int_equal(rd(f, IER), 0);
    assert_int_equal(double_read(f->m, UART16550_BASE + LSR, 4), 0x60);
    assert_int_equal(double_read(f->m, UART16550_BASE + 0x40, 4), 0);
}

static void output_reaches_the_stream(void **state)
{
    struct fixture *f = *state;
    char buf[16] = "";
    for (const char *p = "hello"; *p; p++)
        wr(f, THR, (uint8_t)*p);
    assert_int_equal(chardev_memory_take(f->c, buf, sizeof(buf)), 5);
    assert_string_equal(buf, "hello");
    assert_int_equal(rd(f, LSR), 0x60);
}

/* The sequence by which Linux tells a 16550A and looks for its THRE bug. */
static void thre_interrupt_comes_at_each_enable(void **state)
{
    struct fixture *f = *state;
    wr(f, FCR, 1);
    assert_int_equal(rd(f, IIR) >> 6, 3);
    wr(f, FCR, 0);
    for (int i = 0; i < 2; i++) {
        wr(f, IER, 2);
        assert_int_equal(DOUBLE_LINE(f->m, IRQ), 1);
        assert_int_equal(rd(f, IIR), 0x02);
        assert_int_equal(DOUBLE_LINE(f->m, IRQ), 0); /* reading IIR takes it back */
        assert_int_equal(rd(f, IIR), 0x01);
        wr(f, IER, 0);
    }
    wr(f, IER, 2);
    rd(f, IIR);
    wr(f, THR, 'x');
    assert_int_equal(DOUBLE_LINE(f->m, IRQ), 1); /* empty again */
    assert_int_equal(rd(f, IIR), 0x02);
}

static void loopback(void **state)
{
    struct fixture *f = *state;
    char c;
    wr(f, MCR, 0x10 | 0x0a); /* LOOP, RTS, OUT2 */
    assert_int_equal(rd(f, MSR) & 0xf0, 0x90);
    wr(f, FCR, 1);
    for (unsigned i = 0; i < 16; i++)
        wr(f, THR, (uint8_t)(0x80 + i));
    assert_int_equal(rd(f, LSR), 0x61);
    wr(f, THR, 0xff); /* one too many */
    assert_int_equal(rd(f, LSR), 0x63);
    assert_int_equal(rd(f, LSR), 0x61); /* reading cleared OE */
    for (unsigned i = 0; i < 16; i++)
        assert_int_equal(rd(f, RBR), 0x80 + i);
    assert_int_equal(rd(f, LSR), 0x60);
    assert_int_equal(chardev_memory_take(f->c, &c, 1), 0);
}

static void modem_lines_tell_their_changes(void **state)
{
    struct fixture *f = *state;
    wr(f, MCR, 0x10);
    rd(f, MSR);
    wr(f, IER, 8);
    wr(f, MCR, 0x10 | 0x02); /* RTS -> CTS */
    assert_int_equal(rd(f, IIR), 0x00);
    assert_int_equal(rd(f, MSR), 0x11);
    assert_int_equal(rd(f, IIR), 0x01);
    wr(f, MCR, 0x10 | 0x04); /* OUT1 -> RI rises: no delta; CTS falls */
    assert_int_equal(rd(f, MSR), 0x41);
    wr(f, MCR, 0x10); /* RI falls: TERI */
    assert_int_equal(rd(f, MSR), 0x04);
}

static void receive_interrupt_and_trigger(void **state)
{
    struct fixture *f = *state;
    wr(f, FCR, 0x81); /* trigger at 8 */
    wr(f, IER, 1);
    chardev_memory_type(f->c, "abc", 3);
    DOUBLE_WAIT_FOR(DOUBLE_LINE(f->m, IRQ));
    DOUBLE_WAIT_FOR(rd(f, IIR) == 0xcc); /* below the trigger: time-out */
    chardev_memory_type(f->c, "defgh", 5);
    DOUBLE_WAIT_FOR(rd(f, IIR) == 0xc4);
    for (const char *p = "abcdefgh"; *p; p++)
        assert_int_equal(rd(f, RBR), *p);
    assert_int_equal(rd(f, IIR), 0xc1);
    assert_int_equal(DOUBLE_LINE(f->m, IRQ), 0);
}

static void line_status_has_priority(void **state)
{
    struct fixture *f = *state;
    wr(f, MCR, 0x10);
    rd(f, MSR);
    wr(f, THR, 1);
    wr(f, THR, 2); /* no FIFO: overrun, the newer byte stays */
    wr(f, IER, 0x0f);
    assert_int_equal(rd(f, IIR), 0x06);
    assert_int_equal(rd(f, LSR) & 3, 3);
    assert_int_equal(rd(f, IIR), 0x04);
    assert_int_equal(rd(f, RBR), 2);
    assert_int_equal(rd(f, IIR), 0x02);
    assert_int_equal(rd(f, IIR), 0x01);
}

static void polling_guest_gets_all_input_in_order(void **state)
{
    struct fixture *f = *state;
    enum { N = 20000 };
    unsigned sent = 0, got = 0;
    while (got < N) {
        uint8_t chunk[100];
        for (unsigned i = 0; i < sizeof(chunk); i++)
            chunk[i] = (uint8_t)((sent + i) * 7);
        size_t room = N - sent < sizeof(chunk) ? N - sent : sizeof(chunk);
        sent += (unsigned)chardev_memory_type(f->c, chunk, room);
        while (rd(f, LSR) & 1)
            assert_int_equal(rd(f, RBR), (uint8_t)(got++ * 7));
    }
    assert_int_equal(got, N);
}

static void untouched_uart_takes_no_input(void **state)
{
    struct fixture *f = *state;
    char buf[8] = "";
    chardev_memory_type(f->c, "key", 3);
    usleep(20000);
    assert_int_equal(rd(f, LSR), 0x61); /* seen, not taken */
    assert_int_equal(rd(f, IIR), 0x01);
    wr(f, FCR, 7);
    assert_int_equal(chardev_read(f->c, buf, sizeof(buf)), 3);
    assert_string_equal(buf, "key");
}

/* The host takes nothing: THRE goes away, the hart is not held up, and nothing is lost later. */
static void output_back_pressure(void **state)
{
    struct fixture *f = *state;
    static uint8_t buf[65536];
    unsigned sent = 0, got = 0;
    wr(f, FCR, 1);
    while (rd(f, LSR) & 0x20)
        wr(f, THR, (uint8_t)(sent++ % 251));
    assert_int_equal(sent, 65536 + 1);
    assert_int_equal(rd(f, LSR) & 0x60, 0);
    wr(f, IER, 2);
    assert_int_equal(DOUBLE_LINE(f->m, IRQ), 0);
    size_t n;
    while ((n = chardev_memory_take(f->c, buf, sizeof(buf)))) {
        for (size_t i = 0; i < n; i++)
            assert_int_equal(buf[i], got++ % 251);
        DOUBLE_WAIT_FOR(rd(f, LSR) & 0x20);
    }
    assert_int_equal(got, sent);
    assert_int_equal(rd(f, IIR) & 0x0f, 0x02);
}

static void save_and_load(void **state)
{
    struct fixture *f = *state;
    char buf[512];
    wr(f, SCR, 0x42);
    wr(f, MCR, 0x10);
    wr(f, FCR, 1);
    wr(f, THR, 'q');
    int n = f->d->type->save(f->d, buf, sizeof(buf));
    assert_true(n > 0);
    dev_reset(f->d);
    assert_int_equal(rd(f, SCR), 0);
    assert_int_equal(f->d->type->load(f->d, buf, (size_t)n), 0);
    assert_int_equal(rd(f, SCR), 0x42);
    assert_int_equal(rd(f, RBR), 'q');
    memset(buf + 32, 0xff, (size_t)n - 32);
    assert_int_equal(f->d->type->load(f->d, buf, (size_t)n), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(state_after_reset, setup, teardown),
        cmocka_unit_test_setup_teardown(output_reaches_the_stream, setup, teardown),
        cmocka_unit_test_setup_teardown(thre_interrupt_comes_at_each_enable, setup, teardown),
        cmocka_unit_test_setup_teardown(loopback, setup, teardown),
        cmocka_unit_test_setup_teardown(modem_lines_tell_their_changes, setup, teardown),
        cmocka_unit_test_setup_teardown(receive_interrupt_and_trigger, setup, teardown),
        cmocka_unit_test_setup_teardown(line_status_has_priority, setup, teardown),
        cmocka_unit_test_setup_teardown(polling_guest_gets_all_input_in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(untouched_uart_takes_no_input, setup, teardown),
        cmocka_unit_test_setup_teardown(output_back_pressure, setup, teardown),
        cmocka_unit_test_setup_teardown(save_and_load, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
