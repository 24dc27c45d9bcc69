"""Run a command: `python -m cnnlab` prints the environment report, the others are in COMMANDS."""

import sys

COMMANDS = """\
python -m cnnlab                       says whether everything that the course needs is there
python -m cnnlab sweep --help          trains every combination of some settings
python -m cnnlab compare --help        compares the runs of a sweep, with a verdict
python -m cnnlab marks --help          runs what a class has handed in, and marks its exercises
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
    if command == "marks":
        from cnnlab.cli.marks import main as marks

        return marks(arguments[1:])
    if command in ("-h", "--help"):
        sys.stdout.write(COMMANDS)
        return 0
    if command:
        sys.stderr.write(f"unknown command {command!r}; choose from sweep, compare and marks\n")
        return 2
    from cnnlab.cli.environment import main as report

    return report()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
