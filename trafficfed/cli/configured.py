"""The configuration as commands load it."""

import os
from pathlib import Path

import click

from trafficfed.config.load import load
from trafficfed.config.settings import Settings


def settings_of(config: Path) -> Settings:
    """The settings in a file."""
    return load(config, os.environ)


def checked_settings_of(config: Path) -> Settings:
    """The settings in a file, its warnings told on standard error: for commands about the configuration."""
    settings = settings_of(config)
    for warning in settings.warnings:
        note(f"warning: {warning}")
    return settings


def note(text: str) -> None:
    """One line beside the output, for people."""
    click.echo(f"trafficfed: {text}", err=True)
