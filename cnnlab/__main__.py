"""`python -m cnnlab`: the environment report; `python -m cnnlab sweep …`: a sweep from a terminal."""

import sys

if __name__ == "__main__":
    if sys.argv[1:2] == ["sweep"]:
        from cnnlab.cli.sweep import main

        sys.exit(main(sys.argv[2:]))
    from cnnlab.cli.environment import main

    sys.exit(main())
