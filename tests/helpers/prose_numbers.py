"""Find numbers and verdict words in a notebook's prose that none of its outputs and none of its code shows."""

from __future__ import annotations

import ast
import io
import operator
import re
import tokenize
from collections.abc import Iterator
from typing import NamedTuple

NUMBER = re.compile(r"(?<![\w.])\d+(?:,\d{3})*(?:\.\d+)?(?:e[-+]?\d+)?(?!\w)")
PER_CENT = re.compile(r"\s?(?:%|per cent|percentage points?)")
ROUNDED = re.compile(r"\b(?:about|nearly|almost|roughly|around)\s$")
VERDICT = re.compile(r"\b(better|worse|cannot tell|can't tell)\b", re.IGNORECASE)
SUPERSCRIPTS = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")

# What no cell has to show. Each kind has its reason.
EXCEPTIONS = [
    r"^\s*\d+\. ",  # the number of an item in a list
    r"\]\([^)]*\)",  # the target of a link
    r"<[^>\n]*>",  # a tag of HTML with its attributes
    r"\b[Nn]otebooks?(?:(?:,| and| to| or)? ?\d\d[ab]?\b)+",  # notebooks 06 and 07
    r"(?<![\w.])0\d[ab]?\b(?!\.)",  # 05a
    r"\b[A-Z][\w-]+,? \(?(?:19|20)\d\d\b",  # Prechelt 1998
    r"\b95 (?:% confidence|% interval|times in 100)",  # the level of every interval and noise floor of the course
]
MINUTES = r"\d+(?: (?:to|or) \d+)? (?:minutes?|seconds?)\b"  # of work, in What you need and Try it
OPERATORS = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.Pow: operator.pow, ast.USub: operator.neg,
}  # fmt: skip


class Number(NamedTuple):
    """A number as it is written in prose.

    Parameters
    ----------
    text : str
        Its digits, such as "1,000".
    value : float
        Without its sign.
    half : float
        Half a unit of its last digit: how far the exact value may lie away.
    per_cent : bool
        Whether it counts hundredths.
    """

    text: str
    value: float
    half: float
    per_cent: bool

    def is_shown_by(self, values: set[float]) -> bool:
        """Return whether one of the values, or a hundred times it where this counts hundredths, rounds to this."""
        slack = self.half * (1 + 1e-9) + 1e-12
        return any(
            abs(value - self.value) <= slack or (self.per_cent and abs(100 * value - self.value) <= slack)
            for value in values
        )


def read_number(text: str) -> float:
    """Return the value of digits such as 1,000 or 1e-8."""
    return float(text.replace(",", ""))


def numbers_of_text(text: str) -> Iterator[Number]:
    """Yield the numbers of a prose text, except those in words such as conv1."""
    text = re.sub(r"\b10([⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)", lambda power: f"1e{power[1].translate(SUPERSCRIPTS)}", text)
    for match in NUMBER.finditer(text):
        digits = match[0]
        mantissa, _, exponent = digits.replace(",", "").partition("e")
        decimals = len(mantissa.partition(".")[2]) - int(exponent or 0)
        if "." not in mantissa and ROUNDED.search(text[: match.start()]):
            decimals -= len(mantissa) - len(mantissa.rstrip("0"))  # about 1,200
        rest = text[match.end() :]
        # In "3 to 5 %" both count hundredths.
        rest = re.sub(r"^\s?(?:to|or|and|–|-)\s?\d[\d.]*", "", rest)
        yield Number(digits, read_number(digits), 0.5 * 10.0**-decimals, bool(PER_CENT.match(rest)))


def values_of_output(text: str) -> set[float]:
    """Return the numbers of some text without their signs."""
    return {read_number(digits) for digits in NUMBER.findall(text)}


def values_of_code(source: str) -> set[float]:
    """Return the numbers of some code; comments are prose, and count for nothing."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    code = " ".join(token.string for token in tokens if token.type != tokenize.COMMENT)
    return values_of_output(re.sub(r"(?<=\d)_(?=\d)", "", code))


def output_texts(cell) -> Iterator[str]:
    for output in cell.get("outputs", []):
        data = output.get("data", {})
        yield output.get("text") or data.get("text/markdown") or data.get("text/plain", "")


def evaluate(expression: str) -> tuple[float, list[float]] | None:
    """Return the value of some arithmetic and the numbers in it, or None for a text that is no arithmetic."""
    operands: list[float] = []

    def value(node: ast.expr) -> float:
        match node:
            case ast.Constant(value=int() | float() as number):
                operands.append(number)
                return number
            case ast.BinOp(left, operation, right):
                return OPERATORS[type(operation)](value(left), value(right))
            case ast.UnaryOp(operation, operand):
                return OPERATORS[type(operation)](value(operand))
        raise TypeError

    try:
        return value(ast.parse(expression, mode="eval").body), operands
    except (SyntaxError, TypeError, KeyError):
        return None


def parts_of(notebook) -> Iterator[tuple[str, str, object]]:
    """Yield heading, text and cell of every piece of prose, and of every code cell, in the notebook's order."""
    heading = ""
    for cell in notebook.cells:
        if cell.cell_type == "code":
            yield heading, "", cell
        elif cell.cell_type == "markdown":
            for piece in re.split(r"^(?=## )", cell.source, flags=re.MULTILINE):
                if piece.startswith("## "):
                    heading = piece.splitlines()[0][3:]
                yield heading, piece, cell


def unsupported_numbers(notebook, try_it: str = "") -> list[str]:
    """Return a line for each number in prose that nothing shows, and for each mark that is wrong or not needed.

    Parameters
    ----------
    notebook : NotebookNode
        With its outputs. A number that the notebook cannot show has a mark in the metadata of its cell, as in
        `"cnnlab": {"numbers": {"5.4": "49 / 9"}}`: arithmetic with numbers that are shown, or a reason in words.
    try_it : str
        The source of the test that does the *Try it* of the notebook: the answers may say the numbers in it.
    """
    parts = list(parts_of(notebook))
    code = [cell for _, _, cell in parts if cell.cell_type == "code"]
    shown = set().union(*(values_of_code(cell.source) for cell in code))
    shown |= set().union(*(values_of_output(text) for cell in code for text in output_texts(cell)))
    faults, used = [], set()
    for heading, text, cell in parts:
        if heading == "Read further":
            continue  # years, volumes and pages
        values = shown | values_of_code(try_it) if heading == "Try it" else shown
        marks = cell.metadata.get("cnnlab", {}).get("numbers", {})
        for number in numbers_of_text(without_exceptions(text, work=heading in ("", "Try it"))):
            if not number.is_shown_by(values):
                used.add((cell.id, number.text))
                fault = fault_of_mark(number, marks.get(number.text), values)
                faults += [f"{cell.id}: {number.text} {fault}"] if fault else []
    return [*dict.fromkeys(faults), *unused_marks(notebook, "numbers", used)]


def without_exceptions(text: str, work: bool) -> str:
    """Return prose without what no cell has to show; the minutes of work are excepted where `work` is true."""
    for pattern in [*EXCEPTIONS, *[MINUTES] * work]:
        text = re.sub(pattern, " ", text, flags=re.MULTILINE)
    return text


def fault_of_mark(number: Number, mark: str | None, values: set[float]) -> str:
    """Return what is wrong with the mark of a number that nothing shows, or an empty text."""
    if mark is None:
        return "is in no output and no code"
    result = evaluate(mark)
    if result is None:
        return "" if len(mark.split()) > 2 else f"has the mark {mark!r}, which is no arithmetic and no reason"
    value, operands = result
    if not number.is_shown_by({abs(value)}):
        return f"has the mark {mark!r}, which is {value:g}"
    missing = sorted(set(operands) - values)
    return f"has the mark {mark!r}, and no output and no code shows {missing}" if missing else ""


def unused_marks(notebook, kind: str, used: set[tuple[str, str]]) -> list[str]:
    marks = [(cell.id, text) for cell in notebook.cells for text in cell.metadata.get("cnnlab", {}).get(kind, {})]
    return [f"{name}: the mark of {text!r} is not needed" for name, text in marks if (name, text) not in used]


def unsupported_verdicts(notebook, try_it: str = "") -> list[str]:
    """Return a line for each verdict word in prose that no output of its section (under one ## heading) shows.

    Questions are left out. In *What you saw* and *Try it*, any output of the notebook counts, and in *Try it* its test,
    too. A word that is no verdict has a mark: `"cnnlab": {"verdicts": {"better": "of the optimizer's tuning"}}`.
    """
    parts, words, faults, used = list(parts_of(notebook)), {}, [], set()
    for heading, _, cell in parts:
        for text in output_texts(cell) if cell.cell_type == "code" else ():
            words.setdefault(heading, set()).update(verdicts_of(text))
    everywhere = set().union(*words.values())
    for heading, text, cell in parts:
        if heading in ("", "Read further"):
            continue  # what the notebook is about; titles of papers
        shown = everywhere if heading in ("What you saw", "Try it") else words.get(heading, set())
        shown = shown | verdicts_of(try_it) if heading == "Try it" else shown
        for word in sorted(verdicts_of(" ".join(statements(text))) - shown):
            used.add((cell.id, word))
            if word not in cell.metadata.get("cnnlab", {}).get("verdicts", {}):
                faults.append(f"{cell.id}: {word!r} is in no output under its heading")
    return [*dict.fromkeys(faults), *unused_marks(notebook, "verdicts", used)]


def verdicts_of(text: str) -> set[str]:
    return {word.lower().replace("can't", "cannot") for word in VERDICT.findall(text)}


def statements(text: str) -> list[str]:
    """Return the sentences of prose that are no question and belong to none."""
    paragraphs = [paragraph for paragraph in text.split("\n\n") if "**Predict" not in paragraph]
    sentences = [sentence for paragraph in paragraphs for sentence in re.split(r"(?<=[.?:])\s+", paragraph)]
    return [sentence for sentence in sentences if not sentence.rstrip("*_ \n").endswith("?")]
