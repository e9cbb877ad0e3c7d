"""A half-second program that makes PyPy's JIT show everything a recorder must read.

A hot loop with inlined calls, a guard that gets a bridge, a recursive function (entry
bridge, call_assembler), the regex and list-sort jit drivers, a trace that is too long
(aborted), code made by exec, enough allocation for minor and major collections.
"""

import re
import sys


class Body:
    def __init__(self, mass):
        self.mass = mass

    def push(self, step):
        if step % 5 == 0:
            return self.mass + 1
        return self.mass - 1


def advance(body, step):
    return body.push(step)


def hot_loop(n):
    body = Body(3)
    total = 0
    for step in range(n):
        total += advance(body, step)
    return total


def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)


def scan(n):
    pattern = re.compile(r"a+b")
    hits = 0
    for _ in range(n):
        hits += len(pattern.findall("aaab" * 30))
    return hits


def build(n):
    rows = []
    for i in range(n):
        rows.append({"id": i, "name": str(i)})
    rows.sort(key=lambda row: row["name"])
    return len(rows)


def too_long(n):
    body = "".join(
        "        s += i * %d %% %d; s ^= (s << 1) & %d; s = s %% 1000003\n" % (k, k + 3, k * 77 + 1)  # noqa: UP031
        for k in range(400)
    )
    namespace = {}
    exec("def generated(n):\n    s = 0\n    for i in range(n):\n" + body + "    return s\n", namespace)
    return namespace["generated"](n)


def main():
    print(hot_loop(60000), fib(19), scan(1500), build(30000), too_long(1500))


if __name__ == "__main__":
    main()
    sys.exit(0)
