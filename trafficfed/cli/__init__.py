from trafficfed.cli.group import main

__all__ = ["main"]
