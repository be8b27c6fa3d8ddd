#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# slurm_test.sh PROGRAM: `manyhart bench --slurm` against a real Slurm of one node (munged,
# slurmctld, slurmd from Debian), which this script starts in a folder of its own and stops again:
# a sweep becomes a job array, its parts are joined, also with one missing and one there twice.
# Skipped (77) where Slurm is not installed or may not be started.  Asserts no time.
set -u
bench=$1

skip() {
	echo "needs $*"
	exit 77
}

for program in munged mungekey slurmctld slurmd sbatch squeue scontrol; do
	PATH=$PATH:/usr/sbin command -v $program >/dev/null || skip "$program"
done
PATH=$PATH:/usr/sbin
[ "$(id -u)" -eq 0 ] || skip "root, to start slurmd"

tmp=$(mktemp -d)
pids=
cleanup() {
	# shellcheck disable=SC2086
	[ -z "$pids" ] || kill $pids 2>/dev/null
	i=0
	# shellcheck disable=SC2086
	while [ -n "$pids" ] && [ $i -lt 100 ] && kill -0 $pids 2>/dev/null; do
		sleep 0.1
		i=$((i + 1))
	done
	# shellcheck disable=SC2086
	[ -z "$pids" ] || kill -9 $pids 2>/dev/null
	rm -rf "$tmp"
}
trap cleanup EXIT
trap 'exit 130' INT TERM
failed=0

# check WHAT CODE COMMAND...: the command's exit code; its output is in $tmp/said.
check() {
	what=$1 want=$2
	shift 2
	"$@" >"$tmp/said" 2>&1 </dev/null
	got=$?
	if [ $got -eq "$want" ]; then
		echo "ok - $what"
	else
		echo "not ok - $what: exit code $got, expected $want"
		sed 's/^/# /' "$tmp/said"
		failed=1
	fi
}

# await WHAT COMMAND...: until it succeeds, at most four minutes.
await() {
	what=$1
	shift
	i=0
	while ! "$@" >/dev/null 2>&1; do
		i=$((i + 1))
		[ $i -lt 1200 ] || {
			echo "not ok - $what: not within four minutes"
			tail -5 "$tmp"/*.log "$tmp"/a/*.log 2>/dev/null | sed 's/^/# /'
			exit 1
		}
		sleep 0.2
	done
	echo "ok - $what"
}

# ---- a cluster ----

# The lowest two of a range that no other socket listens on.
free_port() {
	port=$1
	while grep -qi ":$(printf %04X "$port") [0-9A-F:]* 0A" /proc/net/tcp /proc/net/tcp6; do
		port=$((port + 1))
	done
	echo "$port"
}

host=$(hostname -s)
mkdir -m 755 "$tmp/munge" "$tmp/state" "$tmp/spool"
chmod 755 "$tmp"
mungekey -c -k "$tmp/munge/key" || skip "a key for munge"
control=$(free_port $((20000 + $$ % 10000)))
daemon=$(free_port $((control + 1)))
cat >"$tmp/slurm.conf" <<END
ClusterName=test
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$control
SlurmdPort=$daemon
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$tmp/munge/socket
CredType=cred/munge
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SelectType=select/cons_tres
SwitchType=switch/none
MpiDefault=none
ReturnToService=2
# A busy machine is no dead one.
SlurmdTimeout=0
MessageTimeout=100
BatchStartTimeout=300
StateSaveLocation=$tmp/state
SlurmdSpoolDir=$tmp/spool
SlurmctldPidFile=$tmp/slurmctld.pid
SlurmdPidFile=$tmp/slurmd.pid
SlurmctldLogFile=$tmp/slurmctld.log
SlurmdLogFile=$tmp/slurmd.log
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
SchedulerParameters=bf_interval=1,sched_interval=1,batch_sched_delay=0
NodeName=$host NodeAddr=127.0.0.1 CPUs=$(nproc)
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
END
export SLURM_CONF="$tmp/slurm.conf"
munged --foreground --force --key-file="$tmp/munge/key" --socket="$tmp/munge/socket" \
	--pid-file="$tmp/munge/pid" --seed-file="$tmp/munge/seed" --log-file="$tmp/munged.log" \
	--num-threads=2 >"$tmp/munged.out" 2>&1 </dev/null &
pids="$pids $!"
await "munged answers" munge -n -S "$tmp/munge/socket"
slurmctld -D >"$tmp/slurmctld.out" 2>&1 </dev/null &
pids="$pids $!"
slurmd -D -N "$host" >"$tmp/slurmd.out" 2>&1 </dev/null &
pids="$pids $!"
await "the node is idle" sh -c "sinfo -h -o %T | grep -qx idle"

# ---- a sweep ----

done_parts() {
	[ "$(find "$1" -name 'part-*.json' | wc -l)" -eq "$2" ] && [ -z "$(squeue -h)" ]
}

check "a sweep is submitted" 0 "$bench" --slurm --rounds 2 --iterations 2 --seed 3 \
	--engines native,interp --out "$tmp/a" fib crc32 sieve
grep -q "job [0-9]* with 3 parts" "$tmp/said" || {
	echo "not ok - says which job: $(cat "$tmp/said")"
	failed=1
}
await "three parts come back" done_parts "$tmp/a" 3
check "joined" 0 "$bench" merge "$tmp/a"
grep -q '"parts": "0-2 of 3"' "$tmp/a/samples.json" &&
	[ "$(grep -c '"outcome": "ok"' "$tmp/a/samples.json")" -eq 12 ] || {
	echo "not ok - twelve good samples of three parts"
	grep -n outcome "$tmp/a/samples.json"
	failed=1
}
mkdir "$tmp/b"
cp "$tmp/a/part-0-of-3.json" "$tmp/a/part-2-of-3.json" "$tmp/b"
check "joined with a part missing and one there twice" 0 \
	"$bench" merge "$tmp/b" "$tmp/a/part-2-of-3.json"
grep -q "missing parts: 1 of 3" "$tmp/said" && grep -q "there more than once" "$tmp/said" || {
	echo "not ok - says so: $(cat "$tmp/said")"
	failed=1
}
check "words for sbatch that it refuses" 2 "$bench" --slurm="--partition=nowhere" --out "$tmp/c" fib
grep -q "sbatch refuses" "$tmp/said" || {
	echo "not ok - says what sbatch said: $(cat "$tmp/said")"
	failed=1
}
exit $failed
