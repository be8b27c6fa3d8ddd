# SPDX-License-Identifier: Apache-2.0
"""The workload python3: no module, no floating point, no order that hashes choose."""


def queens(n, row=0, columns=0, left=0, right=0):
    if row == n:
        return 1
    found = 0
    free = ~(columns | left | right) & ((1 << n) - 1)
    while free:
        bit = free & -free
        free -= bit
        found += queens(n, row + 1, columns | bit, (left | bit) << 1, (right | bit) >> 1)
    return found


def words(n):
    x, out = 88172645463325252, []
    for _ in range(n):
        x ^= x << 13 & (1 << 64) - 1
        x ^= x >> 7
        x ^= x << 17 & (1 << 64) - 1
        out.append("".join(chr(97 + (x >> 5 * i & 31) % 26) for i in range(1 + x % 3)))
    return out


class Counter:
    def __init__(self):
        self.counts = {}

    def add(self, word):
        self.counts[word] = self.counts.get(word, 0) + 1


def main():
    print("queens", [queens(n) for n in range(4, 9)])
    counter = Counter()
    for word in words(8000):
        counter.add(word)
    print("words", sorted(counter.counts.items(), key=lambda item: (-item[1], item[0]))[:40])
    a, b = 0, 1
    for _ in range(3000):
        a, b = b, a + b
    print("fibonacci", a % 10**18, pow(3, a, 10**30 + 57))


main()
