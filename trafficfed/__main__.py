"""``python -m trafficfed``: the command where no script is installed."""

from trafficfed.cli.group import main

if __name__ == "__main__":
    main()
