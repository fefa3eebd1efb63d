"""`python -m mobilenet_lib.cli` is the `mobilenet` command."""

import sys

from . import main

if __name__ == "__main__":
    sys.exit(main())
