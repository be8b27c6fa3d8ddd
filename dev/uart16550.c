/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NS16550A UART with its FIFOs (National Semiconductor PC16550D data sheet), as
 * QEMU's virt machine has it: one byte per register, 3.6864 MHz.
 *
 *   0  RBR receive buffer (R), THR transmit holding (W); DLL when LCR.DLAB
 *   1  IER interrupt enable; DLM when LCR.DLAB
 *   2  IIR interrupt identification (R), FCR FIFO control (W)
 *   3  LCR line control     4  MCR modem control
 *   5  LSR line status      6  MSR modem status      7  SCR scratch
 *
 * Accesses of any width reach the register at their offset, with its byte.
 * Offsets 8 and above read 0.
 *
 * There is no bit time.  A byte written to THR leaves at once when the host
 * takes it: THRE stays set and its interrupt comes again.  When the host does
 * not take it, it waits in the transmit FIFO, THRE and TEMT are clear, and the
 * I/O thread sends it on when there is room.  The time-out interrupt comes as
 * soon as bytes below the trigger level are in the FIFO (data sheet: after four
 * characters' time), because the host does not say when more will come.
 *
 * Input is taken from the stream only when the guest reads RBR or has enabled
 * the receive interrupt.  So a UART that nobody uses leaves it to other
 * listeners, a kernel that clears the FIFOs as it starts does not throw away
 * what was typed before, what does not fit waits on the host's side, and nothing
 * overruns: OE is seen in loopback only.
 */
#include "dev/uart16550.h"

#include <libfdt.h>

#include "dev/chardev.h"
#include "dev/fdt.h"
#include "dev/snap.h"
#include "sim/base/error.h"

enum { UART_SIZE = 0x100, UART_FIFO = 16, UART_CLOCK_HZ = 3686400 };

enum uart_reg { UART_DATA, UART_IER, UART_IIR, UART_LCR, UART_MCR, UART_LSR, UART_MSR, UART_SCR };

enum {
    IER_RDI = 1,
    IER_THRI = 2,
    IER_RLSI = 4,
    IER_MSI = 8,
    IER_MASK = 15,
    IIR_NONE = 1,
    IIR_MSI = 0,
    IIR_THRI = 2,
    IIR_RDI = 4,
    IIR_RLSI = 6,
    IIR_TIMEOUT = 12,
    IIR_FIFO = 0xc0,
    FCR_ENABLE = 1,
    FCR_CLEAR_RX = 2,
    FCR_CLEAR_TX = 4,
    LCR_DLAB = 0x80,
    MCR_DTR = 1,
    MCR_RTS = 2,
    MCR_OUT1 = 4,
    MCR_OUT2 = 8,
    MCR_LOOP = 16,
    MCR_MASK = 31,
    LSR_DR = 1,
    LSR_OE = 2,
    LSR_ERRORS = 0x1e,
    LSR_THRE = 0x20,
    LSR_TEMT = 0x40,
    MSR_DELTA = 15,
    MSR_TERI = 4,
    MSR_CTS = 16,
    MSR_DSR = 32,
    MSR_RI = 64,
    MSR_DCD = 128,
};

struct uart_fifo {
    uint8_t data[UART_FIFO];
    uint8_t head, count;
};

/* All under d->lock; saved as it is. */
struct uart_regs {
    uint8_t ier, fcr, lcr, mcr, lsr, msr, scr, dll, dlm;
    uint8_t thr_pending; /* the THRE interrupt waits to be read or served */
    struct uart_fifo rx, tx;
};

struct uart {
    struct dev dev;
    struct chardev *chardev; /* constant */
    struct chardev_listener listener;
    struct uart_regs r;
};

static struct uart *uart_of(struct dev *d)
{
    return container_of(d, struct uart, dev);
}

/* ---- FIFOs --------------------------------------------------------------- */

static unsigned uart_fifo_depth(const struct uart *u)
{
    return u->r.fcr & FCR_ENABLE ? UART_FIFO : 1;
}

static void uart_fifo_push(struct uart_fifo *f, uint8_t byte)
{
    f->data[(f->head + f->count++) % UART_FIFO] = byte;
}

static uint8_t uart_fifo_pop(struct uart_fifo *f)
{
    uint8_t byte = f->data[f->head];
    f->head = (f->head + 1) % UART_FIFO;
    f->count--;
    return byte;
}

static unsigned uart_rx_trigger(const struct uart *u)
{
    static const uint8_t levels[] = {1, 4, 8, 14};
    return u->r.fcr & FCR_ENABLE ? levels[u->r.fcr >> 6] : 1;
}

/* ---- interrupts ---------------------------------------------------------- */

/* The cause of highest priority (data sheet, table IV). */
static uint8_t uart_cause(const struct uart *u)
{
    const struct uart_regs *r = &u->r;
    if (r->ier & IER_RLSI && r->lsr & LSR_ERRORS)
        return IIR_RLSI;
    if (r->ier & IER_RDI && r->rx.count >= uart_rx_trigger(u))
        return IIR_RDI;
    if (r->ier & IER_RDI && r->rx.count)
        return IIR_TIMEOUT;
    if (r->ier & IER_THRI && r->thr_pending)
        return IIR_THRI;
    if (r->ier & IER_MSI && r->msr & MSR_DELTA)
        return IIR_MSI;
    return IIR_NONE;
}

static void uart_update_irq_locked(struct uart *u)
{
    irq_set(&u->dev.irq, uart_cause(u) != IIR_NONE);
}

/* ---- data ---------------------------------------------------------------- */

static void uart_receive(struct uart *u, uint8_t byte)
{
    if (u->r.rx.count >= uart_fifo_depth(u)) {
        u->r.lsr |= LSR_OE;
        if (u->r.fcr & FCR_ENABLE)
            return; /* the shift register is lost, the FIFO stays */
        u->r.rx.count = 0;
    }
    uart_fifo_push(&u->r.rx, byte);
    u->r.lsr |= LSR_DR;
}

/* Takes what fits from the stream: all that when interrupts are wanted, else one byte to be read.
 */
static void uart_pull_locked(struct uart *u)
{
    uint8_t buf[UART_FIFO];
    unsigned depth = u->r.ier & IER_RDI ? uart_fifo_depth(u) : 1;
    if (u->r.mcr & MCR_LOOP || u->r.rx.count >= depth)
        return;
    size_t n = chardev_read(u->chardev, buf, depth - u->r.rx.count);
    for (size_t i = 0; i < n; i++)
        uart_receive(u, buf[i]);
}

static void uart_tx_emptied(struct uart *u)
{
    u->r.lsr |= LSR_THRE | LSR_TEMT;
    u->r.thr_pending = 1;
}

/* Sends on what waits in the transmit FIFO. */
static void uart_drain_locked(struct uart *u)
{
    struct uart_fifo *tx = &u->r.tx;
    while (tx->count && chardev_write(u->chardev, &tx->data[tx->head], 1))
        uart_fifo_pop(tx);
    if (!tx->count && !(u->r.lsr & LSR_TEMT))
        uart_tx_emptied(u);
}

static void uart_transmit(struct uart *u, uint8_t byte)
{
    u->r.thr_pending = 0;
    if (u->r.mcr & MCR_LOOP) {
        uart_receive(u, byte);
        uart_tx_emptied(u);
        return;
    }
    if (u->r.tx.count >= uart_fifo_depth(u))
        return; /* the guest did not wait for THRE */
    u->r.lsr &= (uint8_t) ~(LSR_THRE | LSR_TEMT);
    uart_fifo_push(&u->r.tx, byte);
    uart_drain_locked(u);
}

static void uart_readable(void *opaque)
{
    struct uart *u = opaque;
    lock_take(&u->dev.lock);
    if (u->r.ier & IER_RDI)
        uart_pull_locked(u);
    uart_update_irq_locked(u);
    lock_drop(&u->dev.lock);
}

static void uart_writable(void *opaque)
{
    struct uart *u = opaque;
    lock_take(&u->dev.lock);
    uart_drain_locked(u);
    uart_update_irq_locked(u);
    lock_drop(&u->dev.lock);
}

/* ---- registers ----------------------------------------------------------- */

/* Modem lines: looped back from MCR, else a peer that is always there. */
static uint8_t uart_modem_lines(const struct uart *u)
{
    uint8_t mcr = u->r.mcr, lines = 0;
    if (!(mcr & MCR_LOOP))
        return MSR_CTS | MSR_DSR | MSR_DCD;
    lines |= mcr & MCR_RTS ? MSR_CTS : 0;
    lines |= mcr & MCR_DTR ? MSR_DSR : 0;
    lines |= mcr & MCR_OUT1 ? MSR_RI : 0;
    lines |= mcr & MCR_OUT2 ? MSR_DCD : 0;
    return lines;
}

/* Delta bits: CTS, DSR and DCD on any change, RI when it falls. */
static void uart_update_modem(struct uart *u)
{
    uint8_t lines = uart_modem_lines(u);
    uint8_t changed = (lines ^ u->r.msr) & 0xf0;
    uint8_t delta = (uint8_t)(changed >> 4) & (uint8_t)~MSR_TERI;
    if (changed & MSR_RI && !(lines & MSR_RI))
        delta |= MSR_TERI;
    u->r.msr = (u->r.msr & MSR_DELTA) | delta | lines;
}

static void uart_clear_rx(struct uart *u)
{
    u->r.rx.count = 0;
    u->r.lsr &= (uint8_t)~LSR_DR;
}

static void uart_write_fcr(struct uart *u, uint8_t value)
{
    bool toggled = (u->r.fcr ^ value) & FCR_ENABLE;
    u->r.fcr = value & FCR_ENABLE ? value & 0xc9 : 0;
    if (toggled || value & FCR_CLEAR_RX)
        uart_clear_rx(u);
    if ((toggled || value & FCR_CLEAR_TX) && u->r.tx.count) {
        u->r.tx.count = 0;
        uart_tx_emptied(u);
    }
}

/* Enabling the THRE interrupt while THR is empty raises it, every time. */
static void uart_write_ier(struct uart *u, uint8_t value)
{
    bool thri_rises = value & IER_THRI && !(u->r.ier & IER_THRI);
    u->r.ier = value & IER_MASK;
    if (thri_rises && u->r.lsr & LSR_THRE)
        u->r.thr_pending = 1;
    if (value & IER_RDI)
        uart_pull_locked(u);
}

static uint8_t uart_read_rbr(struct uart *u)
{
    uart_pull_locked(u);
    uint8_t byte = u->r.rx.count ? uart_fifo_pop(&u->r.rx) : 0;
    if (!u->r.rx.count)
        u->r.lsr &= (uint8_t)~LSR_DR;
    if (u->r.ier & IER_RDI)
        uart_pull_locked(u);
    return byte;
}

static uint8_t uart_read_iir(struct uart *u)
{
    if (u->r.ier & IER_RDI)
        uart_pull_locked(u);
    uint8_t cause = uart_cause(u);
    if (cause == IIR_THRI)
        u->r.thr_pending = 0;
    return cause | (u->r.fcr & FCR_ENABLE ? IIR_FIFO : 0);
}

/* DR also tells of bytes still in the stream; only reading RBR takes them. */
static uint8_t uart_read_lsr(struct uart *u)
{
    uint8_t lsr = u->r.lsr;
    if (!(u->r.mcr & MCR_LOOP) && chardev_readable(u->chardev))
        lsr |= LSR_DR;
    u->r.lsr &= (uint8_t)~LSR_ERRORS;
    return lsr;
}

static uint8_t uart_read_msr(struct uart *u)
{
    uint8_t msr = u->r.msr;
    u->r.msr &= (uint8_t)~MSR_DELTA;
    return msr;
}

static uint8_t uart_read_reg(struct uart *u, unsigned reg)
{
    bool dlab = u->r.lcr & LCR_DLAB;
    switch (reg) {
    case UART_DATA:
        return dlab ? u->r.dll : uart_read_rbr(u);
    case UART_IER:
        return dlab ? u->r.dlm : u->r.ier;
    case UART_IIR:
        return uart_read_iir(u);
    case UART_LCR:
        return u->r.lcr;
    case UART_MCR:
        return u->r.mcr;
    case UART_LSR:
        return uart_read_lsr(u);
    case UART_MSR:
        return uart_read_msr(u);
    case UART_SCR:
        return u->r.scr;
    }
    return 0;
}

static void uart_write_divisor_or(struct uart *u, unsigned reg, uint8_t value)
{
    if (u->r.lcr & LCR_DLAB)
        *(reg == UART_DATA ? &u->r.dll : &u->r.dlm) = value;
    else if (reg == UART_DATA)
        uart_transmit(u, value);
    else
        uart_write_ier(u, value);
}

static void uart_write_reg(struct uart *u, unsigned reg, uint8_t value)
{
    switch (reg) {
    case UART_DATA:
    case UART_IER:
        uart_write_divisor_or(u, reg, value);
        break;
    case UART_IIR:
        uart_write_fcr(u, value);
        break;
    case UART_LCR:
        u->r.lcr = value;
        break;
    case UART_MCR:
        u->r.mcr = value & MCR_MASK;
        uart_update_modem(u);
        break;
    case UART_SCR:
        u->r.scr = value;
        break;
    }
}

static bool uart_read(struct dev *d, uint64_t offset, unsigned size, uint64_t *value)
{
    struct uart *u = uart_of(d);
    (void)size;
    *value = offset < 8 ? uart_read_reg(u, (unsigned)offset) : 0;
    uart_update_irq_locked(u);
    return true;
}

static bool uart_write(struct dev *d, uint64_t offset, unsigned size, uint64_t value)
{
    struct uart *u = uart_of(d);
    (void)size;
    if (offset < 8)
        uart_write_reg(u, (unsigned)offset, (uint8_t)value);
    uart_update_irq_locked(u);
    return true;
}

/* ---- life ---------------------------------------------------------------- */

/* Bytes that the host has not taken yet are not the guest's any more: they stay. */
static void uart_reset(struct dev *d)
{
    struct uart *u = uart_of(d);
    u->r = (struct uart_regs){
        .lsr = u->r.tx.count ? 0 : LSR_THRE | LSR_TEMT,
        .mcr = MCR_OUT2,
        .msr = MSR_CTS | MSR_DSR | MSR_DCD,
        .dll = 12,
        .tx = u->r.tx,
    };
    uart_update_irq_locked(u);
}

static int uart_init(struct dev *d, const void *config)
{
    const struct uart16550_config *cfg = config;
    struct uart *u = uart_of(d);
    if (!cfg || !cfg->chardev)
        return error_set(MH_ERROR_DEVICE, -EINVAL, "chardev", NULL, "%s: needs a character stream",
                         d->name);
    u->chardev = cfg->chardev;
    uart_reset(d);
    u->listener = (struct chardev_listener){uart_readable, uart_writable, u, NULL};
    chardev_listen(u->chardev, &u->listener);
    return 0;
}

/* Hands the last bytes over, so that the stream's flush includes them. */
static void uart_fini(struct dev *d)
{
    struct uart *u = uart_of(d);
    chardev_unlisten(u->chardev, &u->listener);
    uart_drain_locked(u);
}

static int uart_fdt(struct dev *d, void *fdt, int soc)
{
    static const char compatible[] = "ns16550a";
    int node = dev_fdt_node(d, fdt, soc, "serial", compatible, sizeof(compatible));
    if (node < 0)
        return node;
    return dev_fdt_errno(fdt_setprop_u32(fdt, node, "clock-frequency", UART_CLOCK_HZ));
}

static int uart_save(struct dev *d, void *buf, size_t size)
{
    lock_take(&d->lock);
    struct uart_regs r = uart_of(d)->r;
    lock_drop(&d->lock);
    return snap_save(d, 1, &r, sizeof(r), buf, size);
}

static int uart_load(struct dev *d, const void *buf, size_t size)
{
    struct uart *u = uart_of(d);
    struct uart_regs r;
    int err = snap_load(d, 1, &r, sizeof(r), buf, size);
    if (err)
        return err;
    if (r.rx.count > UART_FIFO || r.rx.head >= UART_FIFO || r.tx.count > UART_FIFO ||
        r.tx.head >= UART_FIFO)
        return -EINVAL;
    lock_take(&d->lock);
    u->r = r;
    uart_drain_locked(u);
    uart_update_irq_locked(u);
    lock_drop(&d->lock);
    return 0;
}

const struct dev_type uart16550_type = {
    .name = "uart16550",
    .device_type = MH_DEVICE_SERIAL,
    .size = sizeof(struct uart),
    .mmio_size = UART_SIZE,
    .init = uart_init,
    .reset = uart_reset,
    .fini = uart_fini,
    .read = uart_read,
    .write = uart_write,
    .fdt = uart_fdt,
    .save = uart_save,
    .load = uart_load,
};
