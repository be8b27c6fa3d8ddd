/* SPDX-License-Identifier: Apache-2.0 */
/* A state machine that splits text into words, numbers, strings and the rest: branches on data. */
#include "workload.h"

enum { SIZE = 256 * 1024 };
enum kind { WORD, NUMBER, STRING, MARK, LINE, KINDS };
enum state { BETWEEN, IN_WORD, IN_NUMBER, IN_STRING };

struct tokens {
    uint64_t count[KINDS], sum;
};

static enum state token_begin(struct tokens *t, uint8_t c)
{
    if (c == '"')
        return IN_STRING;
    if (c >= '0' && c <= '9')
        return IN_NUMBER;
    if ((c | 32) >= 'a' && (c | 32) <= 'z')
        return IN_WORD;
    if (c == '\n')
        t->count[LINE]++;
    else if (c != ' ')
        t->count[MARK]++;
    return BETWEEN;
}

static void token_end(struct tokens *t, enum kind kind, uint64_t value)
{
    t->count[kind]++;
    t->sum = (t->sum ^ value) * 0x100000001b3u;
}

/* What is open at the end is no token. */
static NOINLINE void tokens_split(struct tokens *t, const uint8_t *text, size_t size)
{
    enum state state = BETWEEN;
    uint64_t value = 0;

    for (size_t i = 0; i < size; i++) {
        uint8_t c = text[i];
        switch (state) {
        case IN_WORD:
            if (((c | 32) >= 'a' && (c | 32) <= 'z') || (c >= '0' && c <= '9')) {
                value = value * 31 + c;
                continue;
            }
            token_end(t, WORD, value);
            break;
        case IN_NUMBER:
            if (c >= '0' && c <= '9') {
                value = value * 10 + (c - '0');
                continue;
            }
            token_end(t, NUMBER, value);
            break;
        case IN_STRING:
            if (c != '"') {
                value = value * 33 ^ c;
                continue;
            }
            token_end(t, STRING, value);
            state = BETWEEN;
            continue;
        case BETWEEN:
            break;
        }
        state = token_begin(t, c);
        value = state == IN_NUMBER ? (uint64_t)(c - '0') : c;
    }
}

static struct tokens tokens_of(const uint8_t *text, size_t size)
{
    struct tokens t = {{0}, 0};
    tokens_split(&t, text, size);
    return t;
}

void *tokens_setup(struct arena *a)
{
    static const char line[] = "ab, 12 \"x y\" c3. 4d\n";
    struct tokens t = tokens_of((const uint8_t *)line, sizeof(line) - 1);
    uint8_t *text = ARENA_NEW(a, uint8_t, SIZE);

    workload_require(t.count[WORD] == 3 && t.count[NUMBER] == 2 && t.count[STRING] == 1 &&
                         t.count[MARK] == 2 && t.count[LINE] == 1,
                     "tokens of a line");
    text_fill(text, SIZE);
    return text;
}

uint64_t tokens_run(void *state)
{
    struct tokens t = tokens_of(state, SIZE);
    uint64_t sum = t.sum;

    for (unsigned k = 0; k < KINDS; k++)
        sum = checksum_add(sum, t.count[k]);
    return sum;
}
