/* SPDX-License-Identifier: Apache-2.0 */
/* tests/guest/smp_ipi.c with more than ten million wake-ups: 8 in ping-pong, 2 taken, the ring. */
#define SOAK_ROUNDS 4200000
#include "smp_ipi.c"
