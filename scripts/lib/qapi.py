# SPDX-License-Identifier: GPL-2.0-or-later
"""What qapi/dmashare.json says: commands, events, and what they are made of.

As much as is needed to refuse a misspelt word before a VM is booted.
"""
import ast
import functools
import os

import common

SCHEMA = os.path.join(common.TOP, 'qapi/dmashare.json')


class Schema:
    """The definitions of one schema file, by kind and name."""

    KINDS = ('enum', 'struct', 'command', 'event')

    def __init__(self, path=SCHEMA):
        self.kinds = {kind: {} for kind in self.KINDS}
        with open(path, encoding='utf-8') as f:
            text = ''.join(line for line in f if not line.startswith('#'))
        # Definitions are Python literals, one after the other.
        for part in text.split('\n\n'):
            if part.strip():
                self._define(ast.literal_eval(part.strip()))

    def _define(self, item):
        for kind in self.KINDS:
            if kind in item:
                self.kinds[kind][item[kind]] = item

    def enum(self, name):
        """Its values."""
        return self.kinds['enum'][name]['data']

    def members(self, kind, name):
        """{member: type} of a struct, or the arguments of a command."""
        data = self.kinds[kind][name].get('data', {})
        if isinstance(data, str):
            return self.members('struct', data)
        return {key.lstrip('*'): value for key, value in data.items()}


@functools.lru_cache
def dmashare():
    """The schema of the project."""
    return Schema()
