# SPDX-License-Identifier: GPL-2.0-or-later
"""What every Python script of the project needs first (as lib/common.sh)."""
import os
import sys

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.realpath(__file__))))
BUILD = os.environ.get('DMASHARE_BUILD') or os.path.join(TOP, 'build')
CACHE = os.environ.get('DMASHARE_CACHE') or os.path.join(
    os.environ.get('XDG_CACHE_HOME') or os.path.expanduser('~/.cache'),
    'dmashare')


def die(message):
    """One line that says what went wrong and what to do, exit status 1."""
    sys.stderr.write(f'dmashare: {message}\n')
    sys.exit(1)


def say(message):
    """One line of progress."""
    sys.stderr.write(f'dmashare: {message}\n')
    sys.stderr.flush()
