/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of sim/cli.c and the verbs: each row is a command line, its exit code
 * and a word that stderr (or stdout) must hold.  Each runs in a process of its
 * own.  What is refused must be refused in one line and before anything starts.
 */
#include "sim/cli.h"

#include "jit/jit.h"
#include "tests/unit/sim_program.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WORDS_MAX = 16, TEXT_MAX = 16384 };

struct outcome {
    int code;
    char out[TEXT_MAX], err[TEXT_MAX];
};

static char dir[] = "/tmp/mh-cli-XXXXXX";

#ifdef MH_COVERAGE
void __gcov_dump(void);
#endif

/* A child's end: not its parent's atexit, but with what it executed counted. */
static void child_exit(int code)
{
    fflush(stdout);
#ifdef MH_COVERAGE
    __gcov_dump();
#endif
    _exit(code);
}

static void drain(int fd, char *buf)
{
    size_t used = 0;
    ssize_t n;
    lseek(fd, 0, SEEK_SET);
    while ((n = read(fd, buf + used, TEXT_MAX - 1 - used)) > 0)
        used += (size_t)n;
    buf[used] = 0;
    close(fd);
}

/* stdin_fd, stdout_fd: -1 is /dev/null and a file that is captured. */
static void run_with(char **argv, int stdin_fd, int stdout_fd, struct outcome *o)
{
    FILE *out = tmpfile(), *err = tmpfile();
    int argc = 0, status;
    while (argv[argc])
        argc++;
    pid_t pid = fork();
    if (pid == 0) {
        dup2(stdin_fd >= 0 ? stdin_fd : open("/dev/null", O_RDONLY), 0);
        dup2(stdout_fd >= 0 ? stdout_fd : fileno(out), 1);
        dup2(fileno(err), 2);
        child_exit(cli_main(argc, argv));
    }
    assert_true(pid > 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    o->code = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    drain(dup(fileno(out)), o->out);
    drain(dup(fileno(err)), o->err);
    fclose(out);
    fclose(err);
}

static void split(char *text, char **argv)
{
    int n = 0;
    argv[n++] = (char *)"manyhart";
    for (char *word; n < WORDS_MAX - 1 && (word = strsep(&text, " "));)
        if (*word)
            argv[n++] = word;
    argv[n] = NULL;
}

static void run(const char *line, struct outcome *o)
{
    char text[512], *argv[WORDS_MAX];
    snprintf(text, sizeof(text), "%s", line);
    split(text, argv);
    run_with(argv, -1, -1, o);
}

static unsigned lines(const char *text)
{
    unsigned n = 0;
    for (; *text; text++)
        n += *text == '\n';
    return n;
}

/* ---- bad input -------------------------------------------------------------------------- */

static void write_file(const char *name, const void *data, size_t size)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, size), size);
    close(fd);
}

static void make_inputs(void)
{
    static const char *const pass[] = {"lui t0,0x100", "lui t1,0x5",          "addi t1,t1,1365",
                                       "sw t1,0(t0)",  "jal zero,0x80000010", NULL};
    static const char *const endless[] = {"jal zero,0x80000000", NULL};
    uint8_t random[5000];
    struct program p;
    srand(7);
    for (size_t i = 0; i < sizeof(random); i++)
        random[i] = (uint8_t)rand();
    write_file("random", random, sizeof(random));
    write_file("empty", "", 0);
    write_file("odd.img", "odd", 3);
    program_make(&p, endless);
    write_file("endless.elf", &p, sizeof(p));
    program_make(&p, pass);
    write_file("pass.elf", &p, sizeof(p));
    write_file("truncated.elf", &p, 100);
    p.eh.e_machine = EM_X86_64;
    write_file("x86.elf", &p, sizeof(p));
    p.eh.e_machine = EM_RISCV;
    p.eh.e_ident[EI_CLASS] = ELFCLASS32;
    write_file("elf32.elf", &p, sizeof(p));
    assert_int_equal(truncate("empty", 0), 0);
    int fd = open("big", O_WRONLY | O_CREAT, 0666);
    assert_int_equal(ftruncate(fd, 300 << 20), 0);
    close(fd);
    write_file("raw", "\x6f\0\0\0", 4);
}

static void test_refusals(void **state)
{
    static const struct {
        const char *line, *says;
    } rows[] = {
        {"run missing", "IMAGE 'missing'"},
        {"run .", "directory"},
        {"run empty", "empty"},
        {"run random", "not an ELF"},
        {"run truncated.elf", "truncated"},
        {"run x86.elf", "x86-64"},
        {"run elf32.elf", "32-bit"},
        {"run pass.elf pass.elf", "one IMAGE"},
        {"run --kernel missing", "--kernel 'missing'"},
        {"run --kernel .", "directory"},
        {"run --kernel empty", "empty"},
        {"run --kernel random", ",raw"},
        {"run --kernel truncated.elf", "truncated"},
        {"run --kernel x86.elf", "x86-64"},
        {"run --kernel elf32.elf", "32-bit"},
        {"run --kernel big", "more --memory"},
        {"run --kernel raw,raw@0x10", "RAM is"},
        {"run --kernel raw,raw@here", "no address"},
        {"run --kernel raw,raw --initrd missing", "--initrd 'missing'"},
        {"run --kernel raw,raw --initrd .", "directory"},
        {"run --kernel raw,raw --initrd empty", "empty"},
        {"run --kernel raw,raw --initrd big", "more --memory"},
        {"run --firmware missing", "--firmware 'missing'"},
        {"run --firmware .", "directory"},
        {"run --firmware empty", "empty"},
        {"run --firmware x86.elf", "x86-64"},
        {"run --firmware elf32.elf", "32-bit"},
        {"run --firmware truncated.elf", "truncated"},
        {"run --firmware big", "too large"},
        {"run --firmware builtin", "--kernel"},
        {"run --kernel raw,raw --dtb missing", "--dtb 'missing'"},
        {"run --kernel raw,raw --dtb random", "not a device tree"},
        {"run --kernel raw,raw --dtb empty", "empty"},
        {"run --kernel raw,raw --dtb .", "directory"},
        {"run --harts 0 pass.elf", "1 to 512"},
        {"run --harts -3 pass.elf", "1 to 512"},
        {"run --harts 100000 pass.elf", "1 to 512"},
        {"run --harts two pass.elf", "not a number"},
        {"run --memory 0 pass.elf", "64K"},
        {"run --memory 1 pass.elf", "64K"},
        {"run --memory 9E pass.elf", "such as 128M"},
        {"run --memory 2M --kernel raw,raw", "RAM is"},
        {"run --isa rv64foo pass.elf", "--isa 'rv64foo'"},
        {"run --isa rv64gcv pass.elf", "extension v"},
        {"run --engine jti pass.elf", "jit"},
        {"run --guest vax pass.elf", "riscv64"},
        {"run --hart 2 pass.elf", "--harts"},
        {"run -n 2 pass.elf", "unknown option"},
        {"run --counters cycels pass.elf", "CYCLES"},
        {"run --pin 99999 pass.elf", "99999"},
        {"run --pin x pass.elf", "list of processors"},
        {"run --disk missing pass.elf", "--disk 'missing'"},
        {"run --disk . pass.elf", "irectory"},
        {"run --disk empty pass.elf", "empty"},
        {"run --disk odd.img pass.elf", "512"},
        {"run --signature /nonexistent/s pass.elf", "--signature '/nonexistent/s'"},
        {"run --signature . pass.elf", "irectory"},
        {"run --stats /nonexistent/s pass.elf", "--stats '/nonexistent/s'"},
        {"run --dump-dtb /nonexistent/s pass.elf", "--dump-dtb '/nonexistent/s'"},
        {"run --jit-dump /nonexistent/s pass.elf", "--jit-dump '/nonexistent/s'"},
        {"run --perf-map=on pass.elf", "no value"},
        {"run --console /nonexistent/s pass.elf", "/nonexistent/s"},
        {"run --initrd pass.elf pass.elf", "--kernel"},
        {"run --append x", "--kernel"},
        {"run --kernel raw,raw pass.elf", "exclude"},
        {"run --timeout 0 pass.elf", "seconds"},
        {"run --timeout soon pass.elf", "seconds"},
        {"run --max-insns 0 pass.elf", "at least 1"},
        {"run --sandbox maybe pass.elf", "on or off"},
        {"run --seed x pass.elf", "not a number"},
        {"run --jit-level 4 pass.elf", "0 to 3"},
        {"run --jit-cache 100K pass.elf", "256K to 1G"},
        {"run --jit-threshold 0 pass.elf", "1 to 255"},
        {"run --jit-passes fold,cold pass.elf", "no pass \"cold\""},
        {"run --jit-chain=yes pass.elf", "on or off"},
        {"run --jit-region 1000 pass.elf", "1 to 512"},
        {"run --strict-align=on pass.elf", "no value"},
        {"run --log loud pass.elf", "--log 'loud'"},
        {"run --harts", "needs a value"},
        {"run --linux pass.elf", "--linux"},
        {"rnu", "did you mean run"},
        {"bench", "manyhart-bench is not installed beside"},
        {"--harts 2", "verb comes first"},
        {"info x", "no further word"},
        {"info --harts 0", "1 to 512"},
        {"disasm xyz", "hexadecimal"},
        {"disasm --pc x 13", "address"},
        {"asm bogus", "bogus"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct outcome o;
        run(rows[i].line, &o);
        if (o.code != CLI_USAGE || lines(o.err) != 1 || strncmp(o.err, "manyhart: ", 10) ||
            !strstr(o.err, rows[i].says) || o.out[0])
            fail_msg("'%s': exit %d, stderr: %sstdout: %s", rows[i].line, o.code, o.err, o.out);
    }
}

/* Where the translator has no back end for the host, the engine is refused by name. */
static void test_engine_jit(void **state)
{
    struct outcome o;
    (void)state;
    run("run --engine jit pass.elf", &o);
    assert_int_equal(o.code, jit_host() ? CLI_OK : CLI_USAGE);
    if (!jit_host()) {
        assert_non_null(strstr(o.err, "interp or hybrid"));
        return;
    }
    /* The harts' threads write it, confined as they are. */
    run("run --engine jit --jit-dump /dev/stdout endless.elf --max-insns 9999", &o);
    assert_int_equal(o.code, CLI_LIMIT);
    assert_non_null(strstr(o.out, "physical 80000000"));
}

/* ---- good input --------------------------------------------------------------------------- */

static void test_accepted(void **state)
{
    static const struct {
        const char *line;
        int code;
        const char *out, *err;
    } rows[] = {
        {"run pass.elf", 0, "", ""},
        {"run --append x pass.elf", 0, "", ""},
        {"run --harts 3 --memory=2M pass.elf --engine interp", 0, "", ""},
        {"run --console none --strict-align -- pass.elf", 0, "", ""},
        {"run --stats=table pass.elf", 0, "", "instructions retired"},
        {"run --stats - pass.elf", 0, "\"exit_code\": 0", ""},
        {"run --stats - --counters instructions pass.elf", 0, "\"io_counters\"", ""},
        {"run --timeout 0.2 endless.elf", 124, "", "--timeout"},
        {"run --max-insns 5000 endless.elf", 124, "", "--max-insns"},
        {"run --pin none --seed 4 --log sim=info pass.elf", 0, "", ""},
        {"run --sandbox off pass.elf", 0, "", ""},
        {"run --jit-level 0 --jit-cache 256K --jit-threshold 1 pass.elf", 0, "", ""},
        {"run --jit-level 1 --jit-passes=-dead --jit-chain off --jit-region 3 pass.elf", 0, "", ""},
        {"run --help", 0, "--strict-align", ""},
        {"info", 0, "riscv64", ""},
        {"info", 0, "  rva22s64\n", ""},
        {"info --help", 0, "example", ""},
        {"disasm --pc 0x80000000 00000513", 0, "addi", ""},
        {"asm nop", 0, "00000013", ""},
        {"--help", 0, "verbs", ""},
        {"--version", 0, "manyhart ", ""},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct outcome o;
        run(rows[i].line, &o);
        if (o.code != rows[i].code || !strstr(o.out, rows[i].out) || !strstr(o.err, rows[i].err))
            fail_msg("'%s': exit %d, stderr: %sstdout: %s", rows[i].line, o.code, o.err, o.out);
    }
}

/* Where the host shows no topology (a container without /sys), that is not an error to print. */
static void test_no_topology(void **state)
{
    struct outcome o;
    (void)state;
    assert_int_equal(mkdir("no-sysfs", 0755), 0);
    setenv("HWLOC_FSROOT", "no-sysfs", 1);
    run("run pass.elf", &o);
    unsetenv("HWLOC_FSROOT");
    assert_int_equal(o.code, 0);
    assert_string_equal(o.err, "");
}

/* Every option is in alphabetical order, and every verb's help has an example. */
static void test_help_is_sorted(void **state)
{
    static const struct cli_verb *const verbs[] = {&verb_run, &verb_info, &verb_disasm, &verb_asm};
    (void)state;
    for (size_t v = 0; v < ARRAY_LEN(verbs); v++) {
        assert_non_null(verbs[v]->example);
        for (const struct cli_option *o = verbs[v]->options; o[0].name && o[1].name; o++)
            assert_true(strcmp(o[0].name, o[1].name) < 0);
    }
}

static void test_dump_dtb(void **state)
{
    struct outcome o;
    uint8_t magic[4] = {0};
    (void)state;
    run("run --dump-dtb t.dtb pass.elf", &o);
    assert_int_equal(o.code, 0);
    int fd = open("t.dtb", O_RDONLY);
    assert_int_equal(read(fd, magic, 4), 4);
    close(fd);
    assert_memory_equal(magic, "\xd0\x0d\xfe\xed", 4);
    run("run --dtb t.dtb pass.elf", &o);
    assert_int_equal(o.code, 0);
}

/* A signal ends the run with its statistics and 128 + its number. */
static void test_signals(void **state)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(signals); i++) {
        FILE *err = tmpfile();
        char text[TEXT_MAX];
        int status;
        pid_t pid = fork();
        if (pid == 0) {
            char *argv[] = {(char *)"manyhart", (char *)"run", (char *)"--stats=table",
                            (char *)"endless.elf", NULL};
            dup2(open("/dev/null", O_RDONLY), 0);
            dup2(fileno(err), 2);
            child_exit(cli_main(4, argv));
        }
        usleep(300000);
        kill(pid, signals[i]);
        waitpid(pid, &status, 0);
        drain(dup(fileno(err)), text);
        fclose(err);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 128 + signals[i]);
        assert_non_null(strstr(text, "instructions retired"));
        assert_non_null(strstr(text, "ended by signal"));
    }
}

/* stdin closed, stdout closed, stdout a pipe without reader, stdout full. */
static void test_descriptors(void **state)
{
    char *argv[] = {(char *)"manyhart", (char *)"run",       (char *)"--timeout",
                    (char *)"5",        (char *)"hello.elf", NULL};
    static const char *const hello[] = {"lui t0,0x10000", "addi t1,zero,72", "sb t1,0(t0)",
                                        "jal zero,0x80000000", NULL};
    static const char *const brief[] = {"lui t0,0x10000", "addi t1,zero,72",     "sb t1,0(t0)",
                                        "lui t0,0x100",   "lui t1,0x5",          "addi t1,t1,1365",
                                        "sw t1,0(t0)",    "jal zero,0x8000001c", NULL};
    struct program p;
    struct outcome o;
    int fds[2];
    (void)state;
    program_make(&p, hello);
    write_file("hello.elf", &p, sizeof(p));
    program_make(&p, brief);
    write_file("brief.elf", &p, sizeof(p));
    assert_int_equal(pipe(fds), 0);
    close(fds[0]);
    run_with(argv, -1, fds[1], &o);
    assert_int_equal(o.code, CLI_USAGE);
    assert_non_null(strstr(o.err, "roken pipe"));
    assert_int_equal(lines(o.err), 1);
    close(fds[1]);
    if (access("/dev/full", W_OK) == 0) {
        int full = open("/dev/full", O_WRONLY);
        run_with(argv, -1, full, &o);
        assert_int_equal(o.code, CLI_USAGE);
        assert_non_null(strstr(o.err, "space"));
        run_with((char *[]){argv[0], argv[1], (char *)"brief.elf", NULL}, -1, full, &o);
        assert_int_equal(o.code, CLI_USAGE); /* also when the run ends with its only character */
        close(full);
    }
    FILE *err = tmpfile();
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        close(1);
        dup2(fileno(err), 2);
        child_exit(cli_main(5, argv));
    }
    waitpid(pid, &status, 0);
    drain(dup(fileno(err)), o.err);
    fclose(err);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), CLI_USAGE);
    assert_non_null(strstr(o.err, "ad file descriptor"));
    pid = fork();
    if (pid == 0) {
        close(0);
        child_exit(cli_main(3, (char *[]){argv[0], argv[1], (char *)"pass.elf", NULL}));
    }
    waitpid(pid, &status, 0);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* A program that only traps is not silent: one warning says what the hart does. */
static void test_trap_loop_is_told(void **state)
{
    struct outcome o;
    (void)state;
    run("run --kernel random,raw --harts 1 --timeout 5", &o);
    assert_int_equal(o.code, 124);
    assert_non_null(strstr(o.err, "only takes traps"));
    assert_non_null(strstr(o.err, "hart 0"));
}

static int setup(void **state)
{
    (void)state;
    if (!mkdtemp(dir) || chdir(dir))
        return -1;
    make_inputs();
    return 0;
}

static int teardown(void **state)
{
    char command[128];
    (void)state;
    snprintf(command, sizeof(command), "rm -rf %s", dir);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refusals),    cmocka_unit_test(test_engine_jit),
        cmocka_unit_test(test_accepted),    cmocka_unit_test(test_help_is_sorted),
        cmocka_unit_test(test_dump_dtb),    cmocka_unit_test(test_signals),
        cmocka_unit_test(test_descriptors), cmocka_unit_test(test_trap_loop_is_told),
        cmocka_unit_test(test_no_topology),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
