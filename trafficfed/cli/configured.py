"""The configuration as commands load it."""

import os
from pathlib import Path

import click

from trafficfed.config.load import load
from trafficfed.config.settings import Settings


def settings_of(config: Path) -> Settings:
    """The settings in a file, their warnings told on standard error."""
    settings = load(config, os.environ)
    for warning in settings.warnings:
        note(f"warning: {warning}")
    return settings


def note(text: str) -> None:
    """One line beside the output, for people."""
    click.echo(f"trafficfed: {text}", err=True)
