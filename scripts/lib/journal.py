# SPDX-License-Identifier: GPL-2.0-or-later
"""The journal's entries with names for their numbers.

query-dmashare-journal gives some things as numbers of include/dmashare/abi.h.
`named` adds what they are called: "what" for the argument (an opcode, the kind
of a note or of an event, ...) and "outcome" for the status ("ok", "timeout").
"""
import functools
import os
import re

import common
import qapi

ABI = os.path.join(common.TOP, 'include/dmashare/abi.h')
ADDED = ('what', 'outcome')
VALUE = re.compile(r'^\s+DMASHARE_(\w+)\s*=\s*(\w+)\s*,', re.M)
# The enum of the argument, by the operation: its prefix in abi.h, or its name
# in the schema, where values count from 0.
ARGUMENTS = {'command': 'OP_', 'job-start': 'OP_JOB_', 'job-end': 'OP_JOB_',
             'event': 'EVENT_', 'pci': 'DmasharePciFault',
             'fence-action': 'DmashareFenceAction',
             'render-fault': 'DmashareRenderFault'}


@functools.lru_cache
def _names(prefix):
    """{number: name} of one enum."""
    if prefix.startswith('Dmashare'):
        return dict(enumerate(qapi.dmashare().enum(prefix)))
    with open(ABI, encoding='utf-8') as f:
        found = VALUE.findall(f.read())
    return {int(value, 0): name[len(prefix):].lower().replace('_', '-')
            for name, value in found
            if name.startswith(prefix) and 'ERRNO' not in name}


def named(entry):
    """The entry with what its numbers are called."""
    entry['outcome'] = _names('STATUS_').get(entry['status'])
    argument = entry['arg']
    prefix = ARGUMENTS.get(entry['operation'])
    if prefix == 'OP_' and argument & 0xff == 7:
        entry['what'] = 'note-' + _names('NOTE_').get(argument >> 8, 'unknown')
    elif prefix:
        # An opcode may have something else above it.
        entry['what'] = _names(prefix).get(
            argument & 0xff if prefix.startswith('OP_') else argument)
    return entry


def line(entry):
    """It on one line."""
    rest = ' '.join(f'{key}={value}' for key, value in entry.items()
                    if key not in ('sequence', 'time', 'actor', 'operation',
                                   'what', 'outcome', 'status', 'arg'))
    what = entry.get('what') or entry['arg']
    how = entry['outcome'] if entry['status'] else ''
    return (f'{entry["sequence"]:6} {entry["time"]:14} {entry["actor"]:8}'
            f'{entry["operation"]:13} {what} {rest} {how}').rstrip()
