"""Find fonts of this computer for the letters that the usual font lacks; say which letters none of them has."""

from __future__ import annotations

import contextlib
import functools
import warnings
from collections.abc import Sequence

from matplotlib import font_manager
from matplotlib.ft2font import FT2Font

OF_FORMULAS = ("cm", "STIX", "Last Resort", "DejaVu Math", "DejaVu Sans Display", "DejaVu Serif Display")


def code_of(letter: str) -> str:
    """Return the code of a letter, as Python writes it.

    >>> code_of("猫")
    '\\\\u732b'
    """
    return letter.encode("ascii", "backslashreplace").decode()


def other_families(text: str) -> list[str]:
    """Return the families besides the usual one that a text needs."""
    return sorted({family for family in families_of(text).values() if family})


_known: dict[str, str | None] = {}  # letter → "" if the usual font has it, else the family that has it, or None


def families_of(text: str) -> dict[str, str | None]:
    """Return letter → "" if the usual font has it, else the family of a font that has it, or None if there is none.

    All fonts are opened once for a text, and not once for a letter: there may be hundreds.
    """
    plain = dict.fromkeys(letter for letter in text if letter.isascii())
    missing = {letter for letter in text if not letter.isascii() and letter not in _known}
    if missing:
        _known.update(dict.fromkeys(missing))
        missing = _look_for(missing, _fonts())
    if missing:
        _look_for(missing, dict(_new_fonts()))
    return dict.fromkeys(plain, "") | {letter: _known[letter] for letter in text if letter not in plain}


def _look_for(missing: set[str], fonts: dict[str, str]) -> set[str]:
    """Note the family that has a letter, for each of these; return those that none has. fonts: as `_fonts` returns."""
    while missing and fonts:
        path, family = fonts.popitem()
        there = _letters_of(path, missing)
        _known.update(dict.fromkeys(there, family))
        missing -= there
    return missing


def _fonts() -> dict[str, str]:
    """Return path → family of the fonts of this computer, the best last; the usual one, at the end, has no family."""
    usual = font_manager.findfont(font_manager.FontProperties())
    fonts = [font for font in font_manager.fontManager.ttflist if font.style == "normal" and font.fname != usual]
    fonts.sort(key=lambda font: (font.weight in (400, "normal", "regular"), font.name.startswith("Noto Sans")))
    return {font.fname: font.name for font in fonts if not font.name.startswith(OF_FORMULAS)} | {usual: ""}


@functools.cache
def _new_fonts() -> dict[str, str]:
    """Return path → family of fonts that were installed after matplotlib made its list, and let matplotlib know them.

    It keeps its list for good. The search takes a second or so, and happens once.
    """
    manager = font_manager.fontManager
    known = {font.fname for font in manager.ttflist}
    for path in font_manager.findSystemFonts():
        if path not in known:
            with contextlib.suppress(OSError, RuntimeError, ValueError):
                manager.addfont(path)
    return {path: family for path, family in _fonts().items() if path not in known}


def _letters_of(path: str, letters: set[str]) -> set[str]:
    """Return those of the letters that a font has and that matplotlib can draw: most coloured emoji it can't."""
    try:
        font = FT2Font(path)
        font.set_size(12, 72)
        there = {letter for letter in letters if font.get_char_index(ord(letter))}
        for letter in there:
            font.load_char(ord(letter))
    except (RuntimeError, OSError, ValueError):  # a damaged font, or one of pictures
        return set()
    return there


_warned: set[str] = set()


def warn_of_missing(letters: Sequence[str]) -> None:
    """Warn of letters that no font has, once for each."""
    new = [letter for letter in letters if letter not in _warned]
    _warned.update(new)
    if new:
        codes = ", ".join(map(code_of, new[:5])) + (f" and {len(new) - 5} more" if len(new) > 5 else "")
        warnings.warn(
            f"no font on this computer has the letters {codes}, so plots show these codes; install a font with them, "
            "such as Noto Sans CJK, and restart the kernel",
            stacklevel=3,
        )
