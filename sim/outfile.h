/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An output file that appears under its name only when it is complete: it is
 * written beside its place and renamed.  Opening it early tells at once when
 * the place cannot be written.  "-" is stdout; devices and pipes are written
 * in place.  One thread at a time.
 */
#ifndef SIM_OUTFILE_H
#define SIM_OUTFILE_H

#include <stdio.h>

struct outfile;

/* option names the messages.  0 or -errno with the error set. */
int outfile_open(struct outfile **out, const char *option, const char *path);
FILE *outfile_stream(struct outfile *o);
/* Writes out and renames; 0 or -errno with the error set.  Frees o in any case. */
int outfile_commit(struct outfile *o);
/* Removes what was written and frees; NULL is allowed. */
void outfile_abandon(struct outfile *o);

#endif
