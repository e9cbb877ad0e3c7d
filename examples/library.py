"""Fill a library with made-up books, count their words, and throw old books away.

Usage: library.py [BOOKS]      (330 books take about 3 s on PyPy)

Made for the garbage collector: every book is thousands of short strings, most of them
garbage at once, some kept in dicts and lists until their book is retired.
"""

from __future__ import annotations

import gc
import re
import sys
import weakref
from collections import deque

ONSETS = ["b", "br", "ch", "d", "f", "g", "gl", "h", "k", "l", "m", "n", "p", "r", "s", "st", "t", "v", "w"]
VOWELS = ["a", "e", "i", "o", "u", "ai", "ea", "oo"]
CODAS = ["", "", "n", "r", "s", "l", "t", "nd", "ck"]
WORDS_PER_BOOK = 6_000
SHELF = 40
STOCKTAKING = 80
WORD = re.compile(r"[a-z]+")
SENTENCE_END = re.compile(r"[.!?]\s+")


class Dice:
    """A linear congruential generator: the same books on every Python, every time."""

    def __init__(self, seed: int) -> None:
        self.state = seed

    def roll(self, sides: int) -> int:
        # Multiplier and increment of Knuth's MMIX; the upper bits are the good ones.
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (self.state >> 33) % sides

    def pick(self, choices: list[str]) -> str:
        return choices[self.roll(len(choices))]


class Author:
    """Somebody with a vocabulary, who uses its first words far more than its last."""

    def __init__(self, seed: int) -> None:
        self.dice = Dice(seed)
        self.vocabulary = [self.invent() for _ in range(900)]

    def invent(self) -> str:
        syllables = 1 + self.dice.roll(3)
        return "".join(self.syllable() for _ in range(syllables))

    def syllable(self) -> str:
        dice = self.dice
        return dice.pick(ONSETS) + dice.pick(VOWELS) + dice.pick(CODAS)

    def word(self) -> str:
        size = len(self.vocabulary)
        return self.vocabulary[self.dice.roll(size) * self.dice.roll(size) // size]

    def sentence(self) -> str:
        words = [self.word() for _ in range(4 + self.dice.roll(14))]
        return " ".join(words).capitalize() + self.dice.pick([".", ".", ".", "!", "?"])

    def write(self, words: int) -> str:
        sentences = []
        written = 0
        while written < words:
            sentence = self.sentence()
            sentences.append(sentence)
            written += sentence.count(" ") + 1
        return " ".join(sentences)


class Book:
    """A text with its index: where each word stands."""

    def __init__(self, title: str, text: str) -> None:
        self.title = title
        self.text = text
        self.index: dict[str, list[int]] = {}
        for match in WORD.finditer(text.lower()):
            self.index.setdefault(match.group(), []).append(match.start())

    def longest_sentence(self) -> int:
        return max(len(WORD.findall(sentence.lower())) for sentence in SENTENCE_END.split(self.text))

    def context(self, word: str) -> str:
        at = self.index[word][0]
        return self.text[max(at - 20, 0) : at + 20]


class Library:
    """A shelf of fixed length: a new book pushes out the oldest."""

    def __init__(self) -> None:
        self.shelf: deque[Book] = deque()
        self.counts: dict[str, int] = {}
        self.known: list[weakref.ref[Book]] = []
        self.retired = 0

    def add(self, book: Book) -> None:
        self.shelf.append(book)
        self.known.append(weakref.ref(book))
        for word, places in book.index.items():
            self.counts[word] = self.counts.get(word, 0) + len(places)
        if len(self.shelf) > SHELF:
            self.retire()

    def retire(self) -> None:
        for word, places in self.shelf.popleft().index.items():
            self.counts[word] -= len(places)
            if not self.counts[word]:
                del self.counts[word]
        self.retired += 1

    def take_stock(self) -> int:
        """Count the books that are in memory, garbage left out.

        The full collection is the point: with PyPy's large nursery, a machine with much cache
        may come to the end of this program without a major collection of its own.
        """
        gc.collect()
        self.known = [reference for reference in self.known if reference() is not None]
        return len(self.known)

    def favourites(self, wanted: int) -> list[tuple[int, str]]:
        return sorted(((count, word) for word, count in self.counts.items()), reverse=True)[:wanted]


def main() -> None:
    books = int(sys.argv[1]) if len(sys.argv) > 1 else 330
    library = Library()
    longest = in_memory = 0
    for number in range(books):
        author = Author(number // 3)
        book = Book(author.sentence(), author.write(WORDS_PER_BOOK))
        longest = max(longest, book.longest_sentence())
        library.add(book)
        if number % STOCKTAKING == 0:
            in_memory = library.take_stock()
    print(f"{len(library.shelf)} books on the shelf, {library.retired} retired")
    print(f"{in_memory} books in memory at the last stocktaking")
    print(f"{len(library.counts)} different words, longest sentence {longest} words")
    for count, word in library.favourites(3):
        print(f"{count:7} {word:12} {library.shelf[-1].index.get(word, [])[:3]}")
    print(library.shelf[-1].context(max(library.shelf[-1].index)))


if __name__ == "__main__":
    main()
