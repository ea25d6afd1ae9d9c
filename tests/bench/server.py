"""Becomes the server that `manage.py serve` starts: `python -m tests.bench.server`, settings from the environment."""

import os

import django

from directory.serving import gunicorn_command

if __name__ == "__main__":
    django.setup()
    command = gunicorn_command()
    os.execv(command[0], command)
