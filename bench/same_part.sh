#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# same_part.sh: of what workloads print, what must be the same everywhere: all but the
# clock's unit, times and instructions.  A line for each iteration, with its workload's
# before it.  Standard input to standard output.
exec sed -n '/^workload /{s/ clock_ns [0-9]*//;h;}
/^iteration /{s/ ns [0-9]* instructions [0-9-]* / /;G;s/\(.*\)\n\(.*\)/\2 \1/;p;}'
