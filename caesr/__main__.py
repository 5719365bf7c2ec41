"""Run the command line: `python -m caesr`."""

import sys

from caesr.cli import main

sys.exit(main())
