"""Run a command: `python -m cnnlab` prints the environment report, the others are in COMMANDS."""

import importlib
import sys

COMMANDS = """\
python -m cnnlab                       says whether everything that the course needs is there
python -m cnnlab sweep --help          trains every combination of some settings
python -m cnnlab compare --help        compares the runs of a sweep, with a verdict
python -m cnnlab lab-report --help     writes a report of the runs, to complete and to hand in
python -m cnnlab marks --help          runs what a class has handed in, and marks its exercises
"""
MODULES = {"": "environment", "sweep": "sweep", "compare": "compare", "lab-report": "lab_report", "marks": "marks"}


def main(arguments: list[str]) -> int:
    """Run the command that the arguments name, and return its exit status."""
    command = arguments[0] if arguments else ""
    if command in ("-h", "--help"):
        sys.stdout.write(COMMANDS)
        return 0
    if command not in MODULES or arguments[:1] == [""]:
        sys.stderr.write(f"no such command: {command!r}; there are these:\n{COMMANDS}")
        return 2
    module = importlib.import_module(f"cnnlab.cli.{MODULES[command]}")
    return module.main(arguments[1:]) if command else module.main()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
