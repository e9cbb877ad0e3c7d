"""A program with calls of many shapes; test_calls.py has the tree they make."""

import asyncio
import sys
import threading


def leaf():
    return 1


def plain():
    return leaf() + leaf()


def numbers():
    yield leaf()
    try:
        yield 2
    finally:
        leaf()


def generators():
    made = numbers()
    next(made)
    next(made)
    made.close()


def fall(depth):
    if depth == 0:
        raise KeyError
    fall(depth - 1)


def exceptions():
    try:
        fall(3)
    except KeyError:
        leaf()


async def part(wait):
    await wait
    return leaf()


async def both():
    loop = asyncio.get_running_loop()
    first, second = loop.create_future(), loop.create_future()
    parts = [loop.create_task(part(first)), loop.create_task(part(second))]
    await asyncio.sleep(0)
    second.set_result(None)
    first.set_result(None)
    await asyncio.gather(*parts)


def coroutines():
    asyncio.run(both())


def deep(depth):
    if depth:
        deep(depth - 1)


# PyPy 8.0.1 has room for 14,000 of them in any thread, whatever the size of its stack and the limit.
DEPTH = 100_000 if sys.pypy_version_info < (8,) else 10_000


def recursion():
    # The main thread's stack has no room for so many in any PyPy.
    size = threading.stack_size(1 << 30)
    sys.setrecursionlimit(10_000_000)
    thread = threading.Thread(target=deep, args=(DEPTH,), name="deep")
    thread.start()
    thread.join()
    threading.stack_size(size)


def in_thread():
    plain()


def threads():
    for _ in range(3):
        thread = threading.Thread(target=in_thread, name="other")
        thread.start()
        thread.join()


def callbacks():
    return sorted([2, 1], key=lambda number: -number)


def traced():
    sys.settrace(lambda *event: None)
    leaf()
    sys.settrace(None)


def leave():
    sys.exit(leaf())


def main():
    plain()
    generators()
    exceptions()
    coroutines()
    recursion()
    threads()
    callbacks()
    traced()
    leave()


main()
