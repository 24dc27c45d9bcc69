"""Compare README.id.md, the translation of README.md, with the English page section by section.

A section goes from a heading to the next one. Above each heading of README.id.md stands a hash of the English section
that was translated: `<!-- english: 0123456789ab -->`. `python tools/translate_notebooks.py --missing README` prints
each English section that has no translation, or whose text has changed since, with its header.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

HEADER = re.compile(r"(?m)^<!-- english: ([0-9a-f]{12}) -->\n")


def sections(page: str) -> list[str]:
    """Return the sections of a page: each heading with the text below it; a "#" in a block of code is no heading.

    >>> sections("# Why?\\n\\nBecause.\\n\\n## How?\\n")
    ['# Why?\\n\\nBecause.', '## How?']
    """
    parts: list[list[str]] = []
    is_code = False
    for line in page.splitlines():
        is_code ^= line.lstrip().startswith("```")
        if line.startswith("#") and not is_code:
            parts.append([])
        if parts:
            parts[-1].append(line)
    return ["\n".join(lines).strip("\n") for lines in parts]


def fingerprint(section: str) -> str:
    """Return the first 12 hexadecimal digits of the SHA-256 of a section.

    >>> fingerprint("# Why?")
    '74fb985cc1bb'
    """
    return hashlib.sha256(section.encode()).hexdigest()[:12]


def read_translations(page: str) -> list[tuple[str, str]]:
    """Return (the hash above it, the section) for each section of the translation; "" where no hash stands above it."""
    before, *parts = HEADER.split(page)
    translations = [("", text) for text in sections(before)]
    for english, part in zip(parts[0::2], parts[1::2], strict=True):
        first, *others = sections(part) or [""]
        translations += [(english, first), *(("", text) for text in others)]
    return translations


def find_faults(page: str, translation: str) -> list[str]:
    """Return a line for each section that is not translated, has changed since, or has no header."""
    english = {fingerprint(section): section for section in sections(page)}
    hashes = [hashed for hashed, _ in read_translations(translation)]
    faults = [
        f"{heading(section)}: it has no translation, or the English text has changed since"
        for hashed, section in english.items()
        if hashed not in hashes
    ]
    for hashed, section in read_translations(translation):
        if hashed not in english:
            why = "its English section has changed or is gone" if hashed else "no header stands directly above it"
            faults.append(f"{heading(section)}: {why}")
    if not faults and hashes != list(english):
        faults.append("the sections stand in another order than in English, or one is there twice")
    return faults


def heading(section: str) -> str:
    """Return the heading of a section."""
    return section.partition("\n")[0]


def missing(folder: Path) -> str:
    """Return each English section without a translation of its present text, with the header to copy."""
    page, translation = (
        (folder / name).read_text(encoding="utf-8") if (folder / name).is_file() else ""
        for name in ("README.md", "README.id.md")
    )
    known = {hashed for hashed, _ in read_translations(translation)}
    every = sections(page)
    wanted = [section for section in every if fingerprint(section) not in known]
    entries = [f"<!-- english: {fingerprint(section)} -->\n{section}\n" for section in wanted]
    return "\n".join([*entries, f"README: {len(every) - len(wanted)} of {len(every)} sections are translated"])
