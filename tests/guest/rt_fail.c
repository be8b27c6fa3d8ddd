/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest-test: exit=2
 *
 * A failed check must be seen: the second case fails, so the exit code is 2.
 */
#include "guest.h"

static void passes(void)
{
    CHECK(true);
}

static void fails(void)
{
    CHECK_EQ(6 * 9, 42);
}

static const struct guest_case cases[] = {{"passes", passes}, {"fails", fails}};

int main(void)
{
    return GUEST_RUN(cases);
}
