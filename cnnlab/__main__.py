"""Run a command: `python -m cnnlab` prints the environment report, `sweep` trains a grid, `compare` judges its runs."""

import sys

COMMANDS = """\
python -m cnnlab                       says whether everything that the course needs is there
python -m cnnlab sweep --help          trains every combination of some settings
python -m cnnlab compare --help        compares the runs of a sweep, with a verdict
"""


def main(arguments: list[str]) -> int:
    """Run the command that the arguments name, and return its exit status."""
    command = arguments[0] if arguments else ""
    if command == "sweep":
        from cnnlab.cli.sweep import main as sweep

        return sweep(arguments[1:])
    if command == "compare":
        from cnnlab.cli.compare import main as compare

        return compare(arguments[1:])
    if command in ("-h", "--help"):
        sys.stdout.write(COMMANDS)
        return 0
    if command:
        sys.stderr.write(f"no such command: {command!r}; there are these:\n{COMMANDS}")
        return 2
    from cnnlab.cli.environment import main as report

    return report()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
