"""Run a command: `python -m cnnlab` prints the environment report, `python -m cnnlab sweep …` trains a grid."""

import sys

if __name__ == "__main__":
    if sys.argv[1:2] == ["sweep"]:
        from cnnlab.cli.sweep import main

        sys.exit(main(sys.argv[2:]))
    from cnnlab.cli.environment import main

    sys.exit(main())
