#!/usr/bin/env python3
"""make_corpus.py FACTBOOK OPENSTAX > corpus.csv -- chooses the demo's paragraphs, once; the result is committed.

Both inputs are plain text, a paragraph a line and a blank line between documents: the country pages of The World
Factbook (public domain) and OpenStax textbooks (CC BY 4.0), in the order in which their publishers list them. From
each country the first paragraph of its background is taken; from four textbooks, an even spread of paragraphs that
stand on their own.
"""
import csv
import re
import sys

FACTBOOK = "The World Factbook (public domain)"

# Documents of the OpenStax text that hold each book, and how many paragraphs to take.
BOOKS = [
    ("OpenStax, Anatomy and Physiology 2e (CC BY 4.0)", range(110, 297), 70),
    ("OpenStax, Astronomy 2e (CC BY 4.0)", range(325, 494), 70),
    ("OpenStax, Microbiology (CC BY 4.0)", range(2160, 2300), 70),
    ("OpenStax, Psychology 2e (CC BY 4.0)", range(2760, 2860), 70),
]

# What a paragraph that stands on its own does not do: point elsewhere, address a student, begin as a continuation.
POINTS_ELSEWHERE = re.compile(
    r"\b(figures?|tables?|chapters?|sections?|modules?|exercises?|equation|above|below|earlier|previous|next|later in|"
    r"as we|we will|we have|let us|you|your|our|credit|link|video|animation|website|essay|click|learn more|"
    r"https?|doi|let.s|recall|discussed|shown|see)\b", re.I)
CONTINUES = re.compile(
    r"(This|These|That|Those|It|They|He|She|His|Her|Their|Its|Such|But|And|Or|So|Thus|Then|However|Therefore|Also|"
    r"Another|Other|For (example|instance)|In (addition|contrast|other|fact|this|these|short)|Similarly|Likewise|"
    r"Moreover|Furthermore|Finally|First|Second|Third|Next|Fortunately|Again|Now|Here|Yet|Still|Note|Both|"
    r"As (a|the|one|noted|mentioned)|Answers?|If|When|Because|Since|Once|One|Most|Some|Many|Why|What|How|Although|"
    r"While|We|I)\b")
CLEAN = re.compile(r"(?!.*\((\d{4})?\))[A-Z][^=<>|{}\\\[\]]+[.]$")


def documents(path):
    with open(path, encoding="utf-8") as f:
        return [d.split("\n") for d in f.read().strip().split("\n\n")]


def stands_alone(text):
    return (300 <= len(text) <= 650 and CLEAN.match(text) and not CONTINUES.match(text)
            and not POINTS_ELSEWHERE.search(text) and text.count(".") >= 2)


def spread(rows, n):
    return [rows[i * len(rows) // n] for i in range(n)]


def main(factbook, openstax):
    out = csv.writer(sys.stdout, lineterminator="\n")
    out.writerow(["source", "body"])
    for document in documents(factbook):
        text = document[0]
        if 250 <= len(text) <= 900 and CLEAN.match(text) and not CONTINUES.match(text):
            out.writerow([FACTBOOK, text])
    books = documents(openstax)
    for title, places, n in BOOKS:
        rows = [text for place in places for text in books[place] if stands_alone(text)]
        for text in spread(rows, n):
            out.writerow([title, text])


if __name__ == "__main__":
    main(*sys.argv[1:])
