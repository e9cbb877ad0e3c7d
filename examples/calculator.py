"""Run programs of a tiny language: cut into tokens, parse into a tree, walk the tree.

Usage: calculator.py [ROUNDS]      (rounds over all programs; 9 take about 3 s on PyPy)

An interpreter inside an interpreter is what a tracing JIT finds hardest: the same few lines
of Python are the inner loop of every program, and each program takes other ways through them.
"""

from __future__ import annotations

import re
import sys
from typing import Union

PROGRAMS = {
    "collatz": """
        longest = 0; best = 0; start = 1;
        while start < 3000 {
            n = start; steps = 0;
            while n > 1 { if n % 2 { n = 3 * n + 1 } else { n = n / 2 }; steps = steps + 1 };
            if steps > longest { longest = steps; best = start };
            start = start + 1
        };
        best * 1000 + longest
    """,
    "primes": """
        count = 0; candidate = 2;
        while candidate < 6000 {
            divisor = 2;
            while divisor * divisor <= candidate & candidate % divisor { divisor = divisor + 1 };
            if divisor * divisor > candidate { count = count + 1 };
            candidate = candidate + 1
        };
        count
    """,
    "gcd": """
        total = 0; a = 1;
        while a < 260 {
            b = 1;
            while b < 260 {
                x = a; y = b;
                while y { rest = x % y; x = y; y = rest };
                total = total + x; b = b + 1
            };
            a = a + 1
        };
        total
    """,
    "root": """
        sum = 0.0; number = 1;
        while number < 4000 {
            guess = number * 0.5; turn = 0;
            while turn < 12 { guess = (guess + number * 1.0 / guess) * 0.5; turn = turn + 1 };
            sum = sum + guess; number = number + 1
        };
        sum
    """,
}

TOKEN = re.compile(r"\s*(?:(\d+\.\d+)|(\d+)|([a-z]+)|(<=|>=|==|[-+*/%<>&=(){};]))")
KEYWORDS = frozenset({"while", "if", "else"})
TIGHTNESS = {"&": 1, "<": 2, ">": 2, "<=": 2, ">=": 2, "==": 2, "+": 3, "-": 3, "*": 4, "/": 4, "%": 4}

Number = Union[int, float]


class Token:
    def __init__(self, kind: str, text: str) -> None:
        self.kind = kind
        self.text = text


def tokens(source: str) -> list[Token]:
    found = []
    position = 0
    source = source.rstrip()
    while position < len(source):
        match = TOKEN.match(source, position)
        if match is None:
            raise SyntaxError(f"what is {source[position : position + 10]!r}?")
        found.append(token(match))
        position = match.end()
    found.append(Token("end", ""))
    return found


def token(match: re.Match[str]) -> Token:
    fraction, whole, word, sign = match.groups()
    if fraction:
        return Token("fraction", fraction)
    if whole:
        return Token("whole", whole)
    if word:
        return Token("sign" if word in KEYWORDS else "name", word)
    return Token("sign", sign)


class Node:
    """What every part of a program can do: be evaluated in an environment."""

    def value(self, names: dict[str, Number]) -> Number:
        raise NotImplementedError


class Constant(Node):
    def __init__(self, number: Number) -> None:
        self.number = number

    def value(self, names: dict[str, Number]) -> Number:
        return self.number


class Name(Node):
    def __init__(self, name: str) -> None:
        self.name = name

    def value(self, names: dict[str, Number]) -> Number:
        return names[self.name]


class Assignment(Node):
    def __init__(self, name: str, new: Node) -> None:
        self.name = name
        self.new = new

    def value(self, names: dict[str, Number]) -> Number:
        names[self.name] = result = self.new.value(names)
        return result


class Binary(Node):
    def __init__(self, sign: str, left: Node, right: Node) -> None:
        self.sign = sign
        self.left = left
        self.right = right

    def value(self, names: dict[str, Number]) -> Number:
        if self.sign == "&":
            return self.left.value(names) and self.right.value(names)
        return calculate(self.sign, self.left.value(names), self.right.value(names))


def calculate(sign: str, left: Number, right: Number) -> Number:
    """Choose the operation by comparing strings, one after the other.

    A table of functions would be shorter.  Here the trace of each program shows which of
    these comparisons PyPy could prove and leave out.
    """
    if sign in "+-":
        return left + right if sign == "+" else left - right
    if sign == "*":
        return left * right
    if sign == "/":
        return left / right if isinstance(left, float) else left // right
    if sign == "%":
        return left % right
    return compare(sign, left, right)


def compare(sign: str, left: Number, right: Number) -> Number:
    if sign == "<":
        return int(left < right)
    if sign == ">":
        return int(left > right)
    if sign == "<=":
        return int(left <= right)
    return int(left >= right) if sign == ">=" else int(left == right)


class While(Node):
    def __init__(self, condition: Node, body: Node) -> None:
        self.condition = condition
        self.body = body

    def value(self, names: dict[str, Number]) -> Number:
        turns = 0
        while self.condition.value(names):
            self.body.value(names)
            turns += 1
        return turns


class If(Node):
    def __init__(self, condition: Node, then: Node, otherwise: Node) -> None:
        self.condition = condition
        self.then = then
        self.otherwise = otherwise

    def value(self, names: dict[str, Number]) -> Number:
        branch = self.then if self.condition.value(names) else self.otherwise
        return branch.value(names)


class Block(Node):
    def __init__(self, parts: list[Node]) -> None:
        self.parts = parts

    def value(self, names: dict[str, Number]) -> Number:
        result: Number = 0
        for part in self.parts:
            result = part.value(names)
        return result


class Parser:
    """Recursive descent; operators by precedence climbing."""

    def __init__(self, source: str) -> None:
        self.tokens = tokens(source)
        self.position = 0

    def peek(self) -> Token:
        return self.tokens[self.position]

    def take(self) -> Token:
        self.position += 1
        return self.tokens[self.position - 1]

    def accepts(self, sign: str) -> bool:
        found = self.peek()
        if found.kind != "sign" or found.text != sign:
            return False
        self.position += 1
        return True

    def expect(self, sign: str) -> None:
        if not self.accepts(sign):
            raise SyntaxError(f"expected {sign!r}, found {self.peek().text!r}")

    def block(self, end: str = "") -> Node:
        parts = [self.statement()]
        while self.accepts(";"):
            parts.append(self.statement())
        if end:
            self.expect(end)
        return Block(parts)

    def braces(self) -> Node:
        self.expect("{")
        return self.block("}")

    def statement(self) -> Node:
        if self.accepts("while"):
            return While(self.expression(), self.braces())
        if self.accepts("if"):
            condition, then = self.expression(), self.braces()
            return If(condition, then, self.braces() if self.accepts("else") else Constant(0))
        left = self.expression()
        if isinstance(left, Name) and self.accepts("="):
            return Assignment(left.name, self.expression())
        return left

    def expression(self, tightness: int = 1) -> Node:
        left = self.operand()
        while TIGHTNESS.get(self.peek().text, 0) >= tightness:
            sign = self.take().text
            left = Binary(sign, left, self.expression(TIGHTNESS[sign] + 1))
        return left

    def operand(self) -> Node:
        if self.accepts("("):
            inner = self.expression()
            self.expect(")")
            return inner
        found = self.take()
        if found.kind == "name":
            return Name(found.text)
        return Constant(float(found.text) if found.kind == "fraction" else int(found.text))


def run(source: str) -> Number:
    return Parser(source).block().value({})


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    results: dict[str, Number] = {}
    for _ in range(rounds):
        results = {name: run(source) for name, source in PROGRAMS.items()}
    for name, result in results.items():
        print(f"{name:8} {result:.6g}" if isinstance(result, float) else f"{name:8} {result}")


if __name__ == "__main__":
    main()
