"""`python -m flowkit`: the command, without the working directory on the path of its own imports."""

import sys

if __name__ == "__main__":
    # `-m` puts the working directory first, where a `yaml.py` of the user's would be taken for a library's.
    if sys.path and sys.path[0] and not sys.flags.safe_path:
        del sys.path[0]
    from flowkit.cli.entry import main

    main()
