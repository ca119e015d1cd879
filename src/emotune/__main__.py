"""`python -m emotune`."""

import sys

from emotune.cli.console import main

sys.exit(main())
