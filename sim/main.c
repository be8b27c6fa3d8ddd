/* SPDX-License-Identifier: Apache-2.0 */
/* The program manyhart: everything is in the library, so that tests reach it. */
#include "sim/cli.h"

int main(int argc, char **argv)
{
    return cli_main(argc, argv);
}
