/* SPDX-License-Identifier: Apache-2.0 */
/* tests/guest/torture.c without end, for tests/soak/bare.sh. */
#define REPEAT ~0u
#include "torture.c"
