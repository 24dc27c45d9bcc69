"""Put Arabic and Hebrew letters in the order and the forms in which they are drawn, for matplotlib before 3.11.

That one draws each letter right of the one before. Here is what is needed of Unicode's bidirectional algorithm
(https://www.unicode.org/reports/tr9/) for one line without invisible marks of direction.
"""

from __future__ import annotations

import functools
import unicodedata
from itertools import pairwise

from cnnlab.plots.fonts import families_of

BRACKETS = dict(zip("()[]{}<>«»‹›≤≥", ")(][}{><»«›‹≥≤", strict=True))
FORMS = (*range(0xFB50, 0xFBFF), *range(0xFE80, 0xFEFD))  # codes of Arabic letters as they stand in a word
LAM_WITH_ALEF = 0xFEF5  # from here on, one form for two letters
LEFT, RIGHT, NUMBER, NEUTRAL = "L", "R", "N", "-"
STRONG = {"L": LEFT, "R": RIGHT, "AL": RIGHT}  # Unicode's classes of letters that have a direction


def drawn_order(text: str) -> str:
    """Return one line as it must stand from left to right on a plot; Arabic letters get the form that joins them.

    >>> drawn_order("cat")
    'cat'
    >>> drawn_order("אבג 12 (ab)")
    '(ab) 12 גבא'
    """
    strong = [STRONG[kind] for kind in map(unicodedata.bidirectional, text) if kind in STRONG]
    if RIGHT not in strong:
        return text
    letters, base = _with_marks(_joined(text)), strong[0]
    kinds = _without_neutral(_kinds(letters, base), base)
    # The levels of the algorithm: odd ones are read from right to left.
    levels = [{LEFT: 2 * (base == RIGHT), RIGHT: 1, NUMBER: 2}[kind] for kind in kinds]
    letters = [BRACKETS.get(letter, letter) if level == 1 else letter for letter, level in zip(letters, levels)]  # noqa: B905
    for level in (2, 1):
        letters, levels = _reversed_from(letters, levels, level)
    return "".join(letters)


def _with_marks(text: str) -> list[str]:
    """Return the letters, each with the marks that stand on it."""
    letters: list[str] = []
    for letter in text:
        if letters and unicodedata.bidirectional(letter) == "NSM":
            letters[-1] += letter
        else:
            letters.append(letter)
    return letters


def _kinds(letters: list[str], base: str) -> list[str]:
    """Return the kind of each letter: of the left-to-right or right-to-left scripts, part of a number, or neutral.

    base: the kind of the first letter that has a direction.
    """
    classes, last = [unicodedata.bidirectional(letter[0]) for letter in letters], ""
    for place, here in enumerate(classes):
        last = here if here in STRONG else last
        if here == "EN" and last == "AL":  # a number in an Arabic text
            classes[place] = "AN"
    for place in range(1, len(classes) - 1):  # a point or a comma within a number
        before, here, after = classes[place - 1 : place + 2]
        if before == after and (before, here) in (("EN", "CS"), ("EN", "ES"), ("AN", "CS")):
            classes[place] = before
    for order in (range(len(classes)), range(len(classes) - 1, -1, -1)):  # signs such as % and $ beside a number
        for before, place in pairwise(order):
            if classes[before] == "EN" and classes[place] == "ET":
                classes[place] = "EN"
    kinds, strong = [], base
    for here in classes:
        strong = STRONG.get(here, strong)
        number = LEFT if strong == LEFT else NUMBER  # after Latin letters, a number goes with them
        kinds.append((STRONG | {"EN": number, "AN": NUMBER}).get(here, NEUTRAL))
    return kinds


def _without_neutral(kinds: list[str], base: str) -> list[str]:
    """Return the kinds with each neutral letter as its neighbours on both sides, or, if these differ, as the base."""
    result = list(kinds)
    for place, kind in enumerate(kinds):
        if kind == NEUTRAL:
            before = next((other for other in reversed(kinds[:place]) if other != NEUTRAL), base)
            after = next((other for other in kinds[place:] if other != NEUTRAL), base)
            sides = {RIGHT if side == NUMBER else side for side in (before, after)}
            result[place] = sides.pop() if len(sides) == 1 else base
    return result


def _reversed_from(letters: list[str], levels: list[int], lowest: int) -> tuple[list[str], list[int]]:
    """Turn each run of letters around whose level is at least this one; return letters and levels."""
    letters, levels, start = list(letters), list(levels), 0
    while start < len(levels):
        end = start
        while end < len(levels) and levels[end] >= lowest:
            end += 1
        letters[start:end], levels[start:end] = letters[start:end][::-1], levels[start:end][::-1]
        start = max(end, start + 1)
    return letters, levels


@functools.cache
def _forms() -> dict[str, dict[str, str]]:
    """Return Arabic letter, or lam with alef → isolated, initial, medial and final form, if a font has it."""
    forms: dict[str, dict[str, str]] = {}
    families = families_of("".join(map(chr, FORMS)))
    for code in FORMS:
        kind, _, codes = unicodedata.decomposition(chr(code)).partition(" ")
        letters = "".join(chr(int(each, 16)) for each in codes.split())
        if (len(letters) == 1 or code >= LAM_WITH_ALEF) and families[chr(code)] is not None:
            forms.setdefault(letters, {})[kind.strip("<>")] = chr(code)
    return forms


def _joined(text: str) -> str:
    """Return the text with each Arabic letter in its form: it depends on the letters before and after it."""
    forms = _forms()
    units: list[str] = []  # letters; lam with alef is one
    for letter in text:
        if units and units[-1] + letter in forms:
            units[-1] += letter
        else:
            units.append(letter)
    places = [place for place, unit in enumerate(units) if unicodedata.bidirectional(unit[0]) != "NSM"]
    result = list(units)
    for before, place, after in zip([-1, *places[:-1]], places, [*places[1:], -1], strict=True):
        own = forms.get(units[place], {})
        joins_before = before >= 0 and "final" in own and "initial" in forms.get(units[before], {})
        joins_after = after >= 0 and "initial" in own and "final" in forms.get(units[after], {})
        kinds = {(True, True): "medial", (True, False): "final", (False, True): "initial"}
        result[place] = own.get(kinds.get((joins_before, joins_after), "isolated"), units[place])
    return "".join(result)
