"""`python -m tests.lab DESCRIPTOR DIRECTORY`: how `lab.World` starts the process that is its world."""

import sys
from pathlib import Path

from tests.lab.world import main

main(int(sys.argv[1]), Path(sys.argv[2]))
