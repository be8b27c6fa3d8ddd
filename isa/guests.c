/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guests there are, from guests.def.  Any thread.
 */
#include "isa/guest.h"

#include <string.h>

#define GUEST(object) extern const struct guest_type object;
#include "isa/guests.def"
#undef GUEST

static const struct guest_type *const guests[] = {
#define GUEST(object) &object,
#include "isa/guests.def"
#undef GUEST
};

const struct guest_type *guest_at(size_t i)
{
    return i < ARRAY_LEN(guests) ? guests[i] : NULL;
}

const struct guest_type *guest_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(guests); i++)
        if (!strcmp(guests[i]->name, name))
            return guests[i];
    return NULL;
}
