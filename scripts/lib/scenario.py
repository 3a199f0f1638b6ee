# SPDX-License-Identifier: GPL-2.0-or-later
"""A scenario as its file has it (docs/scenarios.rst): reading and refusing.

    for item in scenario.read_all():
        item.name, item.title, item.steps ...

What is wrong with a file is found here, before a VM is booted; each message
names the file, the step and what would be right.
"""
import dataclasses
import errno
import os
import re
import tomllib

import common
import console
import guest
import hardware
import journal
import qapi

FOLDER = os.path.join(common.TOP, 'scenarios')
KINDS = ('guest', 'qmp', 'wait', 'expect', 'kill')
# What each kind of step may have besides its own word.
WITH = {'guest': ('process', 'background', 'fails'),
        'qmp': ('arguments', 'device', 'as', 'fails'),
        'wait': (), 'expect': (), 'kill': ()}
# What a `wait` and an `expect` are about: exactly one of the first, and what
# may come with it.
WAITS = {'event': ('data', 'device', 'as'), 'journal': ('device',),
         'query': ('arguments', 'device', 'result'), 'background': ()}
EXPECTS = {'values': (), 'query': ('arguments', 'device', 'result'),
           'journal': ('device',), 'never': ('device',),
           'ledger': ('device',), 'elapsed': ()}
OPERATORS = ('not', 'at-least', 'at-most', 'matches', 'one-of')
NAME = re.compile(r'^[a-z][a-z0-9-]*$')
TIME = re.compile(r'^(\d+)(ns|us|ms|s)$')
UNITS = {'ns': 1, 'us': 10**3, 'ms': 10**6, 's': 10**9}
TAINTS = {text[0]: bit for bit, text in console.TAINTS.items()}


class Wrong(Exception):
    """A file that does not say what a scenario can be."""


@dataclasses.dataclass
class Step:
    """One step; `body` is what its own word has."""
    number: int
    kind: str
    say: str
    body: object
    options: dict

    def __str__(self):
        text = self.body if isinstance(self.body, str) else ', '.join(
            f'{key} = {value!r}' for key, value in self.body.items())
        options = ''.join(f', {key} = {value!r}'
                          for key, value in self.options.items())
        return f'{self.kind}: {text.strip()}{options}'


@dataclasses.dataclass
class Scenario:
    """A file of scenarios/."""
    name: str
    title: str
    shows: str
    row: str            # of tests/guest/vms, or the scenario's own name
    variables: dict     # of the VM
    only: list          # of guest.Only: kernels that it needs
    steps: list
    spoils: str = ''    # why the VM is of no use afterwards
    console: list = dataclasses.field(default_factory=list)
    console_may: list = dataclasses.field(default_factory=list)
    taint: int = 0      # the bits that it sets

    # What rows.Plan sorts by before the scenario was ever played.
    timeout = 60.0


class _Reader:
    """One file; `where` leads every message."""

    def __init__(self, path, rows):
        self.where = os.path.basename(path)
        self.rows = rows
        self.schema = qapi.dmashare()

    def wrong(self, message):
        """Refuse the file."""
        raise Wrong(f'{self.where}: {message}')

    def keys(self, table, permitted, what):
        """A table that has none but these keys."""
        if not isinstance(table, dict):
            self.wrong(f'{what} is not a table')
        for key in table:
            if key not in permitted:
                self.wrong(f'{what}: unknown key "{key}"; permitted: '
                           + ', '.join(permitted))
        return table

    def typed(self, table, key, kind, default=None):
        """A value of that type, or the default."""
        value = table.get(key, default)
        if value is None:
            self.wrong(f'"{key}" is missing')
        if not isinstance(value, kind) or isinstance(value, bool):
            self.wrong(f'"{key}" is not a {kind.__name__}')
        return value

    def one_of(self, value, permitted, what):
        """A word that is one of those."""
        if value not in permitted:
            self.wrong(f'{what} "{value}" is not known; permitted: '
                       + ', '.join(sorted(permitted)))

    # -- the head

    def scenario(self, name, data):
        """The whole file."""
        self.keys(data, ('title', 'shows', 'vm', 'only', 'spoils', 'console',
                         'console-may', 'taint', 'step'), 'the file')
        if not NAME.match(name):
            self.wrong('the name is not made of a-z, 0-9 and -')
        row, variables, only = self.vm(name, data)
        found = Scenario(
            name, self.typed(data, 'title', str).strip(),
            self.typed(data, 'shows', str).strip(), row, variables, only, [],
            self.typed(data, 'spoils', str, ''),
            self.patterns(data, 'console'),
            self.patterns(data, 'console-may'))
        for letter in self.typed(data, 'taint', str, ''):
            self.one_of(letter, TAINTS, 'taint')
            found.taint |= 1 << TAINTS[letter]
        if found.taint and not found.spoils:
            self.wrong('a scenario with a taint spoils its VM: say so by '
                       '"spoils"')
        for number, table in enumerate(self.typed(data, 'step', list), 1):
            where = self.where
            self.where = f'{where}: step {number}'
            found.steps.append(self.step(number, table))
            self.where = where
        if not any(step.kind == 'expect' for step in found.steps):
            self.wrong('nothing is expected: a step needs "expect"')
        return found

    def vm(self, name, data):
        """(row, variables, restrictions)"""
        only = []
        given = data.get('only')
        if given is not None:
            self.keys(given, ('kernel', 'reason'), '"only"')
            only.append(guest.Only(self.typed(given, 'kernel', str),
                                   self.typed(given, 'reason', str)))
        where = data.get('vm')
        if isinstance(where, str):
            self.one_of(where, self.rows, 'vm')
            row = self.rows[where]
            if row.only:
                only.append(row.only)
            return where, row.variables, only
        if where is None:
            self.wrong('"vm" is missing')
        self.keys(where, tuple(hardware.Settings.NAMES.values()), '"vm"')
        return name, {key: str(value) for key, value in where.items()}, only

    def patterns(self, data, key):
        """Regular expressions."""
        found = []
        for text in self.typed(data, key, list, []):
            try:
                found.append(re.compile(text))
            except (re.error, TypeError) as error:
                self.wrong(f'"{key}": {text!r} is not a pattern: {error}')
        return found

    # -- the steps

    def step(self, number, table):
        """One [[step]]."""
        kinds = [kind for kind in KINDS if kind in table]
        if len(kinds) != 1:
            self.wrong(f'a step has one of {", ".join(KINDS)}, this one '
                       + (' and '.join(kinds) or 'none'))
        kind = kinds[0]
        self.keys(table, ('say', kind) + WITH[kind], f'a step of {kind}')
        options = {key: value for key, value in table.items()
                   if key not in ('say', kind)}
        for key in ('process', 'background', 'as', 'fails'):
            if key in options:
                self.typed(options, key, str)
        getattr(self, f'check_{kind}')(table[kind], options)
        return Step(number, kind, self.typed(table, 'say', str, ''),
                    table[kind], options)

    def check_guest(self, body, options):
        """guest = "COMMAND..." """
        lines = [line for line in str(body).splitlines() if line.strip()]
        if not isinstance(body, str) or not lines:
            self.wrong('"guest" has no command')
        if 'background' in options and len(lines) > 1:
            self.wrong('one command goes on in the background, not '
                       f'{len(lines)}')
        if 'background' in options and 'fails' in options:
            self.wrong('how a command in the background fails is said where '
                       'its end is waited for')
        if 'fails' in options:
            self.check_errno(options['fails'])

    def check_errno(self, word):
        """ "EIO" """
        if not word.startswith('$') and not hasattr(errno, word):
            self.wrong(f'"fails": {word} is not the name of an errno')

    def check_qmp(self, body, options):
        """qmp = "COMMAND" """
        if not isinstance(body, str):
            self.wrong('"qmp" is not the name of a command')
        self.check_command(body, options.get('arguments', {}),
                           options.get('device'))

    def check_command(self, name, arguments, device):
        """A command of ours exists and has these arguments; of QEMU's own
        nothing is known."""
        if 'dmashare' in name:
            self.one_of(name, self.schema.kinds['command'], 'command')
            members = self.schema.members('command', name)
            self.keys(arguments, tuple(m for m in members if m != 'path'),
                      name)
            for key, value in arguments.items():
                self.check_enum(members[key], value, key)
        elif not isinstance(arguments, dict):
            self.wrong('"arguments" is not a table')
        if device is not None and device not in range(8):
            self.wrong('"device" is a number from 0')

    def check_enum(self, kind, value, what):
        """Words of enums, in structs and in lists as well."""
        if isinstance(kind, list):
            for item in value if isinstance(value, list) else ():
                self.check_enum(kind[0], item, what)
        elif kind in self.schema.kinds['enum'] and isinstance(value, str):
            if not value.startswith('$'):
                self.one_of(value, self.schema.enum(kind), f'"{what}"')
        elif kind in self.schema.kinds['struct']:
            members = self.schema.members('struct', kind)
            for key, inner in self.keys(value, tuple(members), what).items():
                self.check_enum(members[key], inner, key)

    def about(self, table, permitted, what):
        """What a wait or an expect is about."""
        self.keys(table, tuple(dict.fromkeys(
            [*permitted, *(key for keys in permitted.values()
                           for key in keys)])), f'"{what}"')
        found = [key for key in permitted if key in table]
        if len(found) != 1:
            self.wrong(f'"{what}" is about one of {", ".join(permitted)}, '
                       'this one ' + (' and '.join(found) or 'none'))
        self.keys(table, (found[0],) + permitted[found[0]],
                  f'{what}.{found[0]}')
        return found[0]

    def check_wait(self, body, _):
        """wait.event, ..."""
        if isinstance(body, dict) and 'background' in body:
            # Only this one says how it fails.
            self.keys(body, ('background', 'fails'), 'wait.background')
            if 'fails' in body:
                self.check_errno(self.typed(body, 'fails', str))
            return
        about = self.about(body, WAITS, 'wait')
        if about == 'event':
            name = self.typed(body, 'event', str)
            if name.startswith('DMASHARE'):
                self.one_of(name, self.schema.kinds['event'], 'event')
                self.keys(body.get('data', {}),
                          tuple(self.schema.members('event', name)), name)
        elif about == 'journal':
            self.check_entry(body['journal'])
        elif about == 'query':
            self.check_query(body)

    def check_query(self, body):
        """A query, and what its result is like."""
        if 'result' not in body:
            self.wrong('a query without "result" expects nothing')
        self.check_command(self.typed(body, 'query', str),
                           body.get('arguments', {}), body.get('device'))

    def check_entry(self, entry):
        """A pattern for an entry of the journal."""
        members = self.schema.members('struct', 'DmashareJournalEntry')
        self.keys(entry, (*members, *journal.ADDED, 'as'),
                  'an entry of the journal')
        for key, value in entry.items():
            self.check_enum(members.get(key), value, key)

    def check_expect(self, body, _):
        """expect.values, ..."""
        about = self.about(body, EXPECTS, 'expect')
        if about == 'query':
            self.check_query(body)
        elif about in ('journal', 'never'):
            for entry in self.typed(body, about, list):
                self.check_entry(entry)
            if not body[about]:
                self.wrong(f'expect.{about} is empty')
        elif about == 'ledger':
            self.keys(body['ledger'], tuple(
                self.schema.members('struct', 'DmashareCounters')), 'ledger')
        elif about == 'elapsed':
            self.keys(body['elapsed'], ('from', 'to', 'is'), 'elapsed')
            if len(body['elapsed']) != 3:
                self.wrong('elapsed needs "from", "to" and "is"')
        elif not isinstance(body['values'], dict) or not body['values']:
            self.wrong('expect.values is empty')

    def check_kill(self, body, _):
        """kill = "PROCESS" """
        if not isinstance(body, str):
            self.wrong('"kill" is not the name of a process')


def read(path, rows=None):
    """The scenario of one file; Wrong when it is none."""
    try:
        with open(path, 'rb') as f:
            data = tomllib.load(f)
    except OSError as error:
        raise Wrong(f'{path}: {error.strerror}') from error
    except tomllib.TOMLDecodeError as error:
        raise Wrong(f'{os.path.basename(path)}: {error}') from error
    name = os.path.basename(path).removesuffix('.toml')
    rows = guest.read_vms() if rows is None else rows
    return _Reader(path, rows).scenario(name, data)


def read_all(folder=FOLDER):
    """All scenarios, by name."""
    rows = guest.read_vms()
    try:
        names = sorted(os.listdir(folder))
    except OSError as error:
        raise Wrong(f'{folder}: {error.strerror}') from error
    return [read(os.path.join(folder, name), rows) for name in names
            if name.endswith('.toml')]


def nanoseconds(text):
    """ "10ms" as a number; a number stays what it is."""
    if isinstance(text, str) and (found := TIME.match(text)):
        return int(found[1]) * UNITS[found[2]]
    return text
