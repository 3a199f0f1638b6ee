# SPDX-License-Identifier: GPL-2.0-or-later
"""The conformance table: which operation was proved with which counterpart.

The file tests/guest/conformance says which operations, counterparts and modes
there are, and why some of them do not go together.  What was proved is in the
results of the guest tests: passed cases with the words that they cover.  The
table, docs/conformance.rst, is made of both; its numbers are read back from
there to see whether something that was proved is not any more.

A cell is (kernel, mode, operation, counterpart).
"""
import csv
import dataclasses
import fnmatch
import io
import re

import tap

# What a table begins with; the kernel and the mode are read back from it.
TABLE = re.compile(r'^\.\. csv-table:: Linux (\S+), (\S+)$')
FIELDS = ('operation', 'counterpart', 'kernel', 'mode')


class Bad(Exception):
    """Something a person has to mend, in one line."""


@dataclasses.dataclass
class Reason:
    """A line "reason OPERATION COUNTERPART KERNEL MODE TEXT" """
    patterns: list      # four lists of patterns, in the order of FIELDS
    text: str
    where: str

    def explains(self, values):
        """Does it speak of the cell of these four words?"""
        return all(any(fnmatch.fnmatchcase(value, p) for p in patterns)
                   for patterns, value in zip(self.patterns, values))


@dataclasses.dataclass
class Plan:
    """The file tests/guest/conformance."""
    groups: dict = dataclasses.field(default_factory=dict)  # {title: [op]}
    operations: dict = dataclasses.field(default_factory=dict)  # {name: text}
    counterparts: dict = dataclasses.field(default_factory=dict)
    modes: dict = dataclasses.field(default_factory=dict)
    mode_of: dict = dataclasses.field(default_factory=dict)     # {VM: mode}
    ignored: set = dataclasses.field(default_factory=set)       # VMs
    reasons: list = dataclasses.field(default_factory=list)
    errnos: set = dataclasses.field(default_factory=set)    # {(call, name)}
    unseen: dict = dataclasses.field(default_factory=dict)  # of those: why
    rendering: set = dataclasses.field(default_factory=set)     # calls

    def needs_renderer(self, errno):
        """Is "CALL ERRNO" one that only a device which renders gives?"""
        return errno.split()[0] in self.rendering

    def reason(self, cell):
        """The first one that explains the cell, or None."""
        kernel, mode, operation, counterpart = cell
        for reason in self.reasons:
            if reason.explains((operation, counterpart, kernel, mode)):
                return reason
        return None


def read_plan(path):
    """The Plan in a file."""
    plan = Plan()
    group = None
    with open(path, encoding='utf-8') as f:
        lines = f.read().splitlines()
    for number, line in enumerate(lines, 1):
        words = line.split()
        if not words or line.startswith('#'):
            continue
        where = f'{path}:{number}'
        kind, rest = words[0], line.split(None, 1)[1:]
        rest = rest[0].strip() if rest else ''
        try:
            if kind == 'group':
                group = plan.groups.setdefault(rest, [])
            elif kind == 'operation':
                name, text = rest.split(None, 1)
                if name in plan.operations:
                    raise Bad(f'{where}: {name} is there already')
                if group is None:
                    raise Bad(f'{where}: an operation before any group')
                plan.operations[name] = text
                group.append(name)
            elif kind == 'counterpart':
                name, text = rest.split(None, 1)
                plan.counterparts[name] = text
            elif kind == 'mode':
                name, vms, text = rest.split(None, 2)
                plan.modes[name] = text
                plan.mode_of.update(dict.fromkeys(vms.split(','), name))
            elif kind == 'ignore':
                plan.ignored.update(rest.split())
            elif kind == 'errno':
                call, *names = rest.split()
                plan.errnos.update((call, name) for name in names)
            elif kind == 'unseen':
                call, name, text = rest.split(None, 2)
                plan.unseen[call, name] = text
            elif kind == 'rendering':
                plan.rendering.update(rest.split())
            elif kind == 'reason':
                *patterns, text = rest.split(None, 4)
                if len(patterns) != 4:
                    raise ValueError
                plan.reasons.append(
                    Reason([p.split(',') for p in patterns], text, where))
            else:
                raise Bad(f'{where}: what is {kind}? permitted: group, '
                          'operation, counterpart, mode, ignore, reason, '
                          'errno, unseen, rendering')
        except ValueError:
            raise Bad(f'{where}: too few words after {kind}') from None
    check_patterns(plan)
    return plan


def check_patterns(plan):
    """A pattern that no name can match is a misspelt one."""
    for reason in plan.reasons:
        for field, patterns in zip(FIELDS, reason.patterns):
            names = {'operation': plan.operations,
                     'counterpart': plan.counterparts,
                     'mode': plan.modes}.get(field)
            for pattern in patterns:
                if names is not None and not fnmatch.filter(names, pattern):
                    raise Bad(f'{reason.where}: no {field} is called '
                              f'{pattern}')


def series(release):
    """6.12 of 6.12.57+deb12-amd64"""
    found = re.match(r'\d+\.\d+', release)
    if not found:
        raise Bad(f'the results name no kernel ("{release}")')
    return found[0]


def count(plan, kernel, suites):
    """({cell: passed cases}, [what is wrong with what the cases said])"""
    cells, wrong = {}, []
    for suite in suites:
        if not suite.vm or suite.vm in plan.ignored:
            continue
        mode = plan.mode_of.get(suite.vm)
        for case in suite.cases:
            if case.outcome != tap.PASSED:
                continue
            for word in dict.fromkeys(case.covers):
                operation, _, counterpart = word.partition(':')
                if operation not in plan.operations or \
                        counterpart not in plan.counterparts:
                    wrong.append(f'{suite.name}: {case.name} covers {word}, '
                                 'which no table has')
                elif mode is None:
                    wrong.append(f'{suite.name}: the VM {suite.vm} is of no '
                                 'mode')
                else:
                    cell = (kernel, mode, operation, counterpart)
                    cells[cell] = cells.get(cell, 0) + 1
    return cells, list(dict.fromkeys(wrong))


def documented_errnos(header):
    """{(call, errno)} of the driver's header; "any" is every ioctl's call."""
    found = set()
    for comment in re.findall(r'/\*.*?\*/', header, re.S):
        call = re.search(r'- DRM_IOCTL_DMASHARE_(\w+)', comment)
        if not call and 'Unless an ioctl says otherwise' not in comment:
            continue
        for name in re.findall(r'\bE[A-Z0-9]{2,}\b', comment):
            found.add((call[1] if call else 'any', name))
    return found


def missing_errnos(plan, header, suites):
    """Errnos that are documented, that no passed case has seen, and that the
    plan does not excuse; and the excuses that are not needed."""
    wanted = documented_errnos(header) | plan.errnos
    seen = {tuple(words.split()) for suite in suites for case in suite.cases
            if case.outcome == tap.PASSED for words in case.errnos}
    missing = [f'{call} {name}' for call, name in sorted(wanted - seen)
               if (call, name) not in plan.unseen]
    needless = [f'{call} {name} is excused in the plan, but '
                + ('was seen' if (call, name) in seen else
                   'is not documented')
                for call, name in plan.unseen
                if (call, name) in seen or (call, name) not in wanted]
    return missing + needless


def all_cells(plan, kernel):
    """Every cell of a kernel."""
    return [(kernel, mode, operation, counterpart)
            for mode in plan.modes
            for operation in plan.operations
            for counterpart in plan.counterparts]


def unexplained(plan, kernel, cells):
    """Cells without a pass and without a reason."""
    return [cell for cell in all_cells(plan, kernel)
            if not cells.get(cell) and not plan.reason(cell)]


def lost(old, kernel, cells):
    """Cells of the kernel that had passes in the old table and have none."""
    return [cell for cell, passes in old.items()
            if cell[0] == kernel and passes and not cells.get(cell)]


def idle_reasons(plan, cells):
    """Reasons that explain no empty cell of the kernels in `cells`."""
    used = set()
    for kernel in sorted({cell[0] for cell in cells}):
        for cell in all_cells(plan, kernel):
            if not cells.get(cell) and (reason := plan.reason(cell)):
                used.add(reason.where)
    return [reason for reason in plan.reasons if reason.where not in used]


def name(cell):
    """A cell, for people."""
    kernel, mode, operation, counterpart = cell
    return f'{operation} with {counterpart} (Linux {kernel}, {mode})'


# -- the document

def letters(number):
    """a, b, ..., z, aa, ab, ..."""
    text = ''
    number += 1
    while number:
        number, digit = divmod(number - 1, 26)
        text = chr(ord('a') + digit) + text
    return text


def row_of(values):
    """One line of CSV."""
    out = io.StringIO()
    csv.writer(out, lineterminator='').writerow(values)
    return out.getvalue()


def wrap(text, indent=''):
    """Lines of at most 80 columns."""
    lines, line = [], indent
    for word in text.split():
        if len(line) + len(word) > 79 and line.strip():
            lines.append(line.rstrip())
            line = indent
        line += word + ' '
    return lines + [line.rstrip()]


class Document:
    """docs/conformance.rst"""

    def __init__(self, plan, cells):
        self.plan = plan
        self.cells = cells
        self.kernels = sorted({cell[0] for cell in cells},
                              key=lambda v: [int(n) for n in v.split('.')])
        self.used = []          # reasons, in the order of their letters

    def letter(self, reason):
        """Its footnote."""
        if reason not in self.used:
            self.used.append(reason)
        return letters(self.used.index(reason))

    def entry(self, cell):
        """What stands in a cell."""
        if self.cells.get(cell):
            return str(self.cells[cell])
        reason = self.plan.reason(cell)
        return self.letter(reason) if reason else '?'

    def table(self, kernel, mode):
        """One table; operations that have nothing in it are named below."""
        plan = self.plan
        parts = list(plan.counterparts)
        lines = [f'.. csv-table:: Linux {kernel}, {mode}',
                 '   :header: ' + row_of(['operation'] + parts), '']
        empty = {}
        for operation in plan.operations:
            row = [(kernel, mode, operation, part) for part in parts]
            entries = [self.entry(cell) for cell in row]
            if len(set(entries)) == 1 and not entries[0].isdigit() \
                    and entries[0] != '?':
                empty.setdefault(entries[0], []).append(operation)
            else:
                lines.append('   ' + row_of([operation] + entries))
        lines.append('')
        for letter, operations in empty.items():
            lines += wrap(f'Nowhere, because of {letter}: '
                          + ', '.join(operations) + '.') + ['']
        return lines

    def text(self):
        """All of it."""
        plan = self.plan
        lines = ['.. SPDX-License-Identifier: GPL-2.0-or-later',
                 '.. Generated by scripts/conformance: do not edit.', '',
                 'Conformance', '===========', '']
        lines += wrap('Which operation of the dma-buf framework was carried '
                      'out and checked, on which kernel, in which mode and '
                      'with which counterpart. A number is how many test '
                      'cases proved it in the last full run; a letter is the '
                      'reason why there cannot be one.') + ['']
        lines += ['Counterparts:', '']
        for part, text in plan.counterparts.items():
            lines += wrap(f'* **{part}**: {text}')
        lines += ['', 'Modes:', '']
        for mode, text in plan.modes.items():
            lines += wrap(f'* **{mode}**: {text}')
        for kernel in self.kernels:
            title = f'Linux {kernel}'
            lines += ['', title, '-' * len(title), '']
            for mode in plan.modes:
                lines += self.table(kernel, mode)
        lines += ['', 'Reasons', '-------', '']
        for index, reason in enumerate(self.used):
            lines += wrap(f'* **{letters(index)}**: {reason.text}')
        lines += ['', 'Operations', '----------', '']
        for title, operations in plan.groups.items():
            lines += [title + ':', '']
            for operation in operations:
                lines += wrap(f'* ``{operation}``: '
                              f'{plan.operations[operation]}')
            lines.append('')
        return continued('\n'.join(lines).rstrip() + '\n')


def continued(text):
    """Indent the lines that go on with a list item."""
    out, item = [], False
    for line in text.splitlines():
        if line.startswith('* '):
            item = True
        elif not line:
            item = False
        elif item:
            line = '  ' + line
        out.append(line)
    return '\n'.join(out) + '\n'


def read_document(text):
    """{cell: passes} of a document made before."""
    cells, kernel, mode, parts = {}, None, None, None
    for line in text.splitlines():
        if match := TABLE.match(line):
            kernel, mode, parts = match[1], match[2], None
        elif kernel and line.startswith('   :header: '):
            parts = next(csv.reader([line.split(':header: ')[1]]))[1:]
        elif kernel and parts and line.startswith('   '):
            operation, *entries = next(csv.reader([line.strip()]))
            for part, entry in zip(parts, entries):
                if entry.isdigit():
                    cells[kernel, mode, operation, part] = int(entry)
        elif line:
            kernel = None
    return cells
