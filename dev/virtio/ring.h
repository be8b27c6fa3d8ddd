/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The device's side of a virtio split virtqueue (virtio 1.2, section 2.7).
 *
 * A queue is three arrays in guest memory:
 *
 *   descriptor table   num entries of 16 bytes: { addr, len, flags, next }
 *   available ring     { flags, idx, ring[num], used_event }        driver writes
 *   used ring          { flags, idx, ring[num] of {id, len}, avail_event }  device writes
 *
 *                 driver                                device
 *   1. fills descriptors, linked by next when
 *      flags has NEXT: first those the device
 *      reads, then those it writes (WRITE)
 *   2. avail.ring[avail.idx % num] = head
 *   3. avail.idx++                            4. sees avail.idx != its own count,
 *      (rings the doorbell)                      follows the chain from head
 *                                             5. reads and writes the buffers in place
 *                                             6. used.ring[used.idx % num] = {head, bytes written}
 *   8. sees used.idx != its own count,        7. used.idx++
 *      takes the buffers back                    (raises the interrupt)
 *
 * Both idx count up for ever, modulo 2^16; num is a power of two, so idx % num
 * is the slot.  What precedes an idx in program order must be in memory before
 * it: idx is stored with release and loaded with acquire.
 *
 * An INDIRECT descriptor stands for a chain kept in another table, which its
 * addr and len describe; it ends the chain in the ring, and no INDIRECT may be
 * in that table.
 *
 * Quietness.  Without EVENT_IDX, flags bit 0 of a ring says "do not notify me".
 * With it, used_event (written by the driver behind the available ring) is the
 * used idx after which the driver wants an interrupt, and avail_event (written
 * by the device) the avail idx after which the device wants the doorbell.  Who
 * sets an event looks at the other's idx once more afterwards, with a full
 * fence between, or a notification could be lost.
 *
 * Nothing above is to be believed: the guest can change any byte at any time.
 * Each word is read once into a local copy, which is then checked.  What the
 * checks refuse: a head or next outside the table, a chain longer than the
 * table (a loop), longer than RING_SEGS_MAX, or over 4 GiB in sum, an empty
 * descriptor, a buffer or table not wholly in RAM, an indirect table of a
 * crooked size, INDIRECT with NEXT, inside an indirect table or without the
 * feature, a readable buffer after a writable one, an avail idx that jumps over
 * more than the ring holds, more buffers out than the ring has slots.  Then
 * ring_pop returns -EPROTO, and the device needs a reset.
 *
 * Threads: everything is called under the device's lock.
 */
#ifndef DEV_VIRTIO_RING_H
#define DEV_VIRTIO_RING_H

#include <sys/uio.h>

#include "mem/physmem.h"

enum { RING_SEGS_MAX = 1024 };

enum ring_desc_flag { RING_DESC_NEXT = 1, RING_DESC_WRITE = 2, RING_DESC_INDIRECT = 4 };

struct ring {
    struct physmem *pm;
    uint16_t num;   /* entries, power of two */
    bool ready;     /* the addresses below are checked and in use */
    bool indirect;  /* feature negotiated */
    bool event_idx; /* feature negotiated */
    gpa_t desc, avail, used;
    uint16_t avail_seen;              /* chains popped, modulo 2^16 */
    uint16_t used_idx;                /* chains pushed, modulo 2^16 */
    uint16_t signalled;               /* used_idx at the last decision about an interrupt */
    uint16_t out;                     /* chains popped and not yet pushed */
    struct iovec segs[RING_SEGS_MAX]; /* of the chain popped last */
};

/* A chain: n_out buffers for the device to read, then n_in for it to write, all in RAM. */
struct ring_chain {
    uint16_t head;
    unsigned n_out, n_in;
    struct iovec *iov; /* n_out + n_in; valid until the next ring_pop */
    uint64_t out_bytes, in_bytes;
};

/*
 * Starts a queue on the three areas; num and the addresses are set by the caller.  -EINVAL when num
 * is no power of two, an address is not aligned or an area is not in RAM.
 */
int ring_start(struct ring *r, struct physmem *pm);
void ring_stop(struct ring *r);

/* 1: *c is the next chain.  0: none (and the doorbell is armed).  -EPROTO: the ring is broken. */
int ring_pop(struct ring *r, struct ring_chain *c);
/* Puts the chain popped last back. */
void ring_unpop(struct ring *r);
/* Gives a chain back with the number of bytes written into it. */
void ring_push(struct ring *r, uint16_t head, uint32_t written);
/* Whether the driver wants an interrupt for what was pushed since the last call. */
bool ring_wants_interrupt(struct ring *r);

/* ---- lists of buffers ---------------------------------------------------- */

/* Copies between buffers and a list of n, from byte offset on; returns bytes copied. */
size_t iov_read(const struct iovec *iov, unsigned n, uint64_t offset, void *buf, size_t len);
/* As physmem_write does it: kills reservations, reports code. */
size_t iov_write(struct physmem *pm, const struct iovec *iov, unsigned n, uint64_t offset,
                 const void *buf, size_t len);
/* Copies the part [offset, offset + len) of a list to out (room for n); returns its number of
 * buffers. */
unsigned iov_slice(const struct iovec *iov, unsigned n, uint64_t offset, uint64_t len,
                   struct iovec *out);
uint64_t iov_bytes(const struct iovec *iov, unsigned n);
/* physmem_written for the first len bytes of the list. */
void iov_written(struct physmem *pm, const struct iovec *iov, unsigned n, uint64_t len);

#endif
