/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Joins the parts of a sweep that came back from several jobs, on one machine or many, into one
 * folder of results.  Parts that are missing or there twice do no harm and are said.
 */
#ifndef BENCH_MERGE_H
#define BENCH_MERGE_H

/* The file of part k of n in a folder; returns buf. */
const char *merge_part_name(char *buf, unsigned long size, const char *folder, unsigned k,
                            unsigned n);

/* The name of the fact that says which parts samples are: "3 of 12", "0-4, 6 of 12". */
#define MERGE_PART_FACT "parts"

/*
 * Joins FOLDER/part-*.json, FOLDER/samples.json if it is there, and n more files; writes
 * samples.json and the reports in FOLDER.  Returns the program's exit code: 0, also if parts are
 * missing; 2: nothing to join, or a file that cannot be used, and nothing was written; 1: results
 * cannot be written.
 */
int merge_folder(const char *folder, char *const *files, unsigned n);

#endif
