# SPDX-License-Identifier: GPL-2.0-or-later
"""Values that a scenario refers to, and what it expects of others.

A reference is $NAME or $NAME.KEY...; a string that is nothing else has the
type of what it stands for. An expectation is a value, a table of expectations
(keys that it does not name may be anything), a list of as many, or a table of
operators: not, at-least, at-most, matches, one-of.
"""
import errno
import json
import re

import scenario

REFERENCE = re.compile(r'\$([A-Za-z][\w-]*(?:\.[\w-]+)*)')


class Mismatch(Exception):
    """Something is not as it was expected to be; `where` leads to it."""

    def __init__(self, expected, came, where=''):
        super().__init__(f'{where}: expected {show(expected)}, came '
                         f'{show(came)}' if where else
                         f'expected {show(expected)}, came {show(came)}')
        self.expected, self.came, self.where = expected, came, where


class Unknown(Exception):
    """A reference to what nobody has named."""


def show(value):
    """As a person reads it."""
    return json.dumps(value, default=str)


class Values:
    """What has a name: "frame.crc" that the guest printed, and results."""

    def __init__(self):
        self.flat = {}
        self.results = {}

    def get(self, name):
        """The value of NAME or NAME.KEY..."""
        if name in self.flat:
            return self.flat[name]
        first, *rest = name.split('.')
        if first in self.results:
            value = self.results[first]
            try:
                for key in rest:
                    value = value[int(key) if isinstance(value, list) else key]
            except (KeyError, IndexError, ValueError, TypeError):
                raise Unknown(f'${name}: {first} is {show(self.results[first])}'
                              ) from None
            return value
        known = ', '.join(sorted([*self.flat, *self.results]))
        raise Unknown(f'nothing is called ${name}; known: {known or "nothing"}')

    def fill(self, value):
        """The same with its references replaced."""
        if isinstance(value, dict):
            return {key: self.fill(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.fill(item) for item in value]
        if not isinstance(value, str):
            return value
        if whole := REFERENCE.fullmatch(value):
            return self.get(whole[1])
        return REFERENCE.sub(lambda found: str(self.get(found[1])), value)


def number(text):
    """What the guest printed, as a number when it is one."""
    try:
        return int(text, 0)
    except ValueError:
        return text


def _operator(name, limit, came, where):
    if name == 'not':
        try:
            compare(limit, came)
        except Mismatch:
            return
        good = False
    elif name == 'matches':
        good = isinstance(came, str) and re.search(limit, came)
    elif name == 'one-of':
        good = came in limit
    else:
        limit = scenario.nanoseconds(limit)
        good = isinstance(came, int) and (came >= limit if name == 'at-least'
                                          else came <= limit)
    if not good:
        raise Mismatch({name: limit}, came, where)


def compare(expected, came, where=''):
    """Mismatch unless it is as expected."""
    if isinstance(expected, dict):
        if expected and all(key in scenario.OPERATORS for key in expected):
            for name, limit in expected.items():
                _operator(name, limit, came, where)
            return
        if not isinstance(came, dict):
            raise Mismatch(expected, came, where)
        for key, value in expected.items():
            if key not in came:
                raise Mismatch(value, 'nothing', f'{where}.{key}'.lstrip('.'))
            compare(value, came[key], f'{where}.{key}'.lstrip('.'))
    elif isinstance(expected, list):
        if not isinstance(came, list) or len(came) != len(expected):
            raise Mismatch(expected, came, where)
        for index, value in enumerate(expected):
            compare(value, came[index], f'{where}.{index}'.lstrip('.'))
    elif isinstance(expected, str) and isinstance(came, int):
        # An errno by its name, a time with its unit.
        wanted = scenario.nanoseconds(expected)
        if wanted == expected:
            wanted = getattr(errno, expected, expected)
        if wanted != came:
            raise Mismatch(expected, came, where)
    elif expected != came or isinstance(expected, bool) != isinstance(came,
                                                                      bool):
        raise Mismatch(expected, came, where)


def fits(expected, came):
    """Is it as expected?"""
    try:
        compare(expected, came)
    except Mismatch:
        return False
    return True
