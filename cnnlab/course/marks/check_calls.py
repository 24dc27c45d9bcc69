"""Check the exercises of a notebook anew: each when the notebook calls `check`, or else by the code of its cell."""

from __future__ import annotations

import ast
import builtins
import fnmatch
import functools
import glob
import inspect
import re
from collections.abc import Callable

from IPython.core.inputtransformer2 import TransformerManager
from IPython.core.interactiveshell import InteractiveShell

from cnnlab.course import practice
from cnnlab.course.practice import all_exercises, outcome_of
from cnnlab.course.student_functions import words_of
from cnnlab.course.time_limit import time_limit

SIGNATURE = inspect.signature(practice.check)
WRITTEN = re.compile(r"""\bcheck\(\s*f?["']([^"'\n]+)""")
HOOK = "_cnnlab_marks"  # among Python's own names: `%reset` leaves them
MAGICS = ("run_cell_magic", "run_line_magic")  # what %%time and %time are to Python; the code is their last argument


class Checks(ast.NodeTransformer):
    """Check each exercise that a notebook checks, whatever `check` means in there.

    Parameters
    ----------
    shell : InteractiveShell
        Runs the notebook. From now on the course's own check sees the answer of each call of `check` in its cells.
    seconds : float
        How long the answer of a cell that failed may take.
    say : function
        Gets the exercise, the outcome and its message, by these names.
    """

    def __init__(self, shell: InteractiveShell, seconds: float, say: Callable[..., object]) -> None:
        self.names, self.seconds, self.say = shell.user_ns, seconds, say
        self.every = all_exercises()
        self.check: Callable | None = None
        self.checked: set[str] = set()
        self.checked_in_cell: set[str] = set()
        self.check = practice.check = self.also_checked(practice.check)  # under whatever name it is imported
        setattr(builtins, HOOK, self.also_checked)
        shell.ast_transformers.append(self)  # where the notebook has a `check` of its own

    def visit(self, tree: ast.AST) -> ast.AST:
        """Change `check(…)` into `HOOK(check)(…)`; IPython calls this before it runs a cell."""
        for call in list(ast.walk(tree)):
            if isinstance(call, ast.Call) and _name(call.func) == "check":
                call.func = ast.Call(ast.Name(HOOK, ast.Load()), [call.func], [])
        return tree

    def also_checked(self, function: Callable) -> Callable:
        """Return a function that checks the answer anew before it does what `function` does."""
        if function is self.check:
            return function

        @functools.wraps(function)
        def checked(*arguments: object, **named: object) -> object:
            try:
                call = SIGNATURE.bind(*arguments, **named).arguments
            except TypeError:
                call = {"name": None}  # her own function of that name
            if isinstance(call["name"], str) and call["name"] in self.every:
                self._check(call["name"], call["answer"])
            return function(*arguments, **named)

        return checked

    def after(self, source: str) -> None:
        """Check what a cell should have checked before it ended, by its code; what is not known was not attempted."""
        reached = set(self.checked_in_cell)
        for pattern, code in find_checks(source):
            for name in fnmatch.filter(self.every, pattern):
                if name not in (self.checked if code == "..." else reached):
                    self._check_code(name, code)
        self.checked_in_cell.clear()

    def _check_code(self, name: str, code: str) -> None:
        try:
            with time_limit(self.seconds):
                answer = eval(compile(code, "<answer>", "eval"), self.names)
        except NameError:
            answer = ...  # the cell that gives it has failed, or is gone
        except BaseException as error:  # also SystemExit and OutOfTime
            self._report(name, "not yet", words_of(error))
            return
        self._check(name, answer)

    def _check(self, name: str, answer: object) -> None:
        outcome = outcome_of(self.every[name], answer)
        self._report(name, outcome.state, outcome.message)

    def _report(self, name: str, outcome: str, message: str) -> None:
        self.checked.add(name)
        self.checked_in_cell.add(name)
        self.say(exercise=name, outcome=outcome, message=message)


def find_checks(source: str) -> list[tuple[str, str]]:
    """Return the exercise and the code of the answer of each `check("name", answer)` in a cell, magics or not.

    Where the name is an f-string, each of its values is `*`, and the answer is not known: `...`. It is not known either
    in a cell that is no Python.

    >>> find_checks('check("01-output-size", 28 - 2)')
    [('01-output-size', '28 - 2')]
    """
    try:
        tree = ast.parse(TransformerManager().transform_cell(source))
        calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
        return [check for call in calls for check in _checks_of(call)]
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # no Python, a zero byte, a thousand brackets
        return [(re.sub(r"\{.*?\}", "*", glob.escape(name)), "...") for name in WRITTEN.findall(source)]


def _checks_of(call: ast.Call) -> list[tuple[str, str]]:
    """Return the checks that a call is: one, those in the code of a magic, or none."""
    given = dict(zip(("name", "answer"), call.args, strict=False)) | {word.arg: word.value for word in call.keywords}
    match _name(call.func), given:
        case "check", {"name": ast.Constant(value=str(name)), "answer": answer}:
            return [(glob.escape(name), ast.unparse(answer))]
        case "check", {"name": ast.JoinedStr(values=parts), "answer": _}:
            fixed = (glob.escape(str(part.value)) if isinstance(part, ast.Constant) else "*" for part in parts)
            return [("".join(fixed), "...")]
        case function, _ if function in MAGICS and call.args and isinstance(call.args[-1], ast.Constant):
            return find_checks(str(call.args[-1].value))
    return []


def _name(function: ast.expr) -> str:
    return function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")
