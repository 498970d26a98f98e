"""``python -m trafficfed.nameserver SETTINGS.json``."""

import sys

from trafficfed.nameserver.process import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
