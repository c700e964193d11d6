"""The command `python -m d2l_common`."""

import sys

from d2l_common.command_line.main import main

if __name__ == "__main__":
    sys.exit(main())
