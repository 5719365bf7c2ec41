"""Run the command line: `python -m zoo`."""

import sys

from zoo.cli import main

sys.exit(main())
