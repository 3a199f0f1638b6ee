# SPDX-License-Identifier: GPL-2.0-or-later
"""Read TAP and KTAP, keep outcomes of single cases, write TAP and JUnit.

A suite is one run of one program.  A case is one result line with no results
nested under it; only cases are counted.  What a suite said is never better
than what happened: a missing plan, a plan that does not match, "Bail out!" or
a runner's own finding each become a failed case of their own.

A case may say what it proves, in diagnostic lines before its result,
"# covers: WORD WORD ..." and "# errno: CALL NAME": both are kept with it.
"""
import dataclasses
import json
import re
import xml.etree.ElementTree as ET

RESULT = re.compile(r'^(\s*)(ok|not ok)\b\s*(\d+)?\s*(?:-\s)?\s*(.*?)\s*$')
PLAN = re.compile(r'^(\s*)1\.\.(\d+)\s*(?:#\s*(.*))?$')
DIRECTIVE = re.compile(r'(?:^|\s+)#\s*(SKIP|TODO|XFAIL)\b\s*(.*)$', re.I)
SUBTEST = re.compile(r'^\s*#\s*Subtest:\s*(.*?)\s*$')
PROVES = re.compile(r'^\s*#\s*(covers|errno):\s*(.*?)\s*$')
BAIL = re.compile(r'^\s*Bail out!\s*(.*)$')
# Characters that XML 1.0 cannot carry.
UNPRINTABLE = re.compile('[^\t\n\r\x20-\ud7ff\ue000-\ufffd]')

PASSED, FAILED, SKIPPED = 'passed', 'failed', 'skipped'
DETAIL_LINES = 40


@dataclasses.dataclass
class Case:
    """One test case."""
    name: str
    outcome: str
    reason: str = ''
    detail: str = ''
    covers: list = dataclasses.field(default_factory=list)  # words
    errnos: list = dataclasses.field(default_factory=list)  # "CALL NAME"


@dataclasses.dataclass
class Suite:
    """What one program reported."""
    name: str
    cases: list = dataclasses.field(default_factory=list)
    seconds: float = 0.0
    vm: str = ''        # where it ran, when it is a guest test

    def count(self, outcome):
        """How many cases ended so."""
        return sum(case.outcome == outcome for case in self.cases)

    def fail(self, name, reason, detail=''):
        """Add a failure that the suite did not report itself."""
        self.cases.append(Case(name, FAILED, reason, detail))


class _Level:
    """Results of one depth of indentation, until its parent line comes."""

    def __init__(self, indent, name=''):
        self.indent = indent
        self.name = name
        self.plan = None
        self.seen = 0
        self.cases = []
        self.problems = []


class Parser:
    """Turns the lines of TAP or KTAP into cases.

    Nested results come before the line of their parent and are indented more
    than it.  The parent line is not a case; but when it says "not ok" and no
    case under it failed, that is a failure too.
    """

    def __init__(self):
        self.levels = [_Level(0)]
        self.notes = []
        self.covers = []
        self.errnos = []
        self.bail = None
        self.pending_name = ''

    def feed(self, line):
        """Take one line."""
        line = line.rstrip('\r\n').expandtabs()
        if match := PLAN.match(line):
            self._plan(len(match[1]), int(match[2]), match[3])
        elif match := RESULT.match(line):
            self._result(*match.groups())
        elif match := BAIL.match(line):
            self.bail = match[1] or 'no reason given'
        elif match := SUBTEST.match(line):
            self.pending_name = match[1]
        elif match := PROVES.match(line):
            if match[1] == 'covers':
                self.covers += match[2].split()
            else:
                self.errnos.append(match[2])
        elif line.strip():
            self.notes.append(line)
            del self.notes[:-DETAIL_LINES]

    def finish(self):
        """The cases, with what is missing added as failures."""
        while len(self.levels) > 1:
            # Results whose parent line never came: keep them, and say so.
            level = self.levels.pop()
            self._close(level)
            level.problems.append('ended before its own result line')
            self.levels[-1].cases += level.cases
            self.levels[-1].problems += [
                f'{level.name or "subtest"}: {p}' for p in level.problems]
        level = self.levels[0]
        self._close(level)
        if level.plan is None:
            level.problems.append('no plan (1..N) was printed')
        cases = level.cases
        if self.bail is not None:
            cases.append(Case('bail-out', FAILED, self.bail, self._detail()))
        for problem in level.problems:
            cases.append(Case('plan', FAILED, problem, self._detail()))
        return cases

    def _detail(self):
        return '\n'.join(self.notes)

    @staticmethod
    def _close(level):
        if level.plan is not None and level.seen != level.plan:
            level.problems.append(
                f'{level.plan} results planned, {level.seen} seen')

    def _at(self, indent):
        if indent > self.levels[-1].indent:
            self.levels.append(_Level(indent, self.pending_name))
            self.pending_name = ''
        while len(self.levels) > 2 and indent < self.levels[-1].indent and \
                indent <= self.levels[-2].indent and \
                indent != self.levels[-2].indent:
            # More than one level closed at once: fold the inner one.
            inner = self.levels.pop()
            self._close(inner)
            inner.problems.append('ended before its own result line')
            self.levels[-1].cases += inner.cases
            self.levels[-1].problems += inner.problems
        return self.levels[-1]

    def _plan(self, indent, number, directive):
        level = self._at(indent)
        if indent < level.indent:
            level = self.levels[-2]
        if level.plan is not None:
            level.problems.append('more than one plan')
        level.plan = number
        # "1..0 # SKIP reason": the whole suite is one skipped case.
        skip = re.match(r'skip\w*\s*(.*)$', directive or '', re.I)
        if number == 0:
            if skip:
                level.cases.append(Case(level.name or 'all', SKIPPED,
                                        skip[1] or 'no reason given'))
            else:
                level.problems.append('planned no test at all')

    def _result(self, indent, word, number, text):
        indent = len(indent)
        level = self._at(indent)
        children = None
        if indent < level.indent:
            children = self.levels.pop()
            level = self.levels[-1]
        level.seen += 1
        if number and int(number) != level.seen:
            level.problems.append(
                f'result {number} where {level.seen} was due')
        directive = DIRECTIVE.search(text)
        name = DIRECTIVE.sub('', text).strip() or f'test {level.seen}'
        outcome, reason = (PASSED if word == 'ok' else FAILED), ''
        if directive and directive[1].upper() == 'SKIP':
            outcome, reason = SKIPPED, directive[2] or 'no reason given'
        elif directive and outcome == FAILED:
            outcome = SKIPPED
            reason = f'known to fail: {directive[2] or "no reason given"}'
        if children is None:
            detail = self._detail() if outcome == FAILED else ''
            level.cases.append(Case(name, outcome, reason, detail,
                                    self.covers, self.errnos))
            self.covers, self.errnos = [], []
        else:
            self._close(children)
            failed = any(c.outcome == FAILED for c in children.cases)
            if outcome == FAILED and not failed and not children.problems:
                children.problems.append('failed as a whole')
            for problem in children.problems:
                children.cases.append(Case('plan', FAILED, problem,
                                           self._detail()))
            for case in children.cases:
                case.name = f'{name}/{case.name}'
            level.cases += children.cases
        self.notes.clear()


def parse(text):
    """The cases of a whole TAP or KTAP text."""
    parser = Parser()
    for line in text.splitlines():
        parser.feed(line)
    return parser.finish()


def dump(suite):
    """A suite as JSON, for handing it to another program."""
    return json.dumps(dataclasses.asdict(suite))


def restore(data):
    """The suite that `dump` wrote, from its parsed JSON."""
    cases = [Case(**case) for case in data['cases']]
    return Suite(data['name'], cases, data['seconds'], data.get('vm', ''))


def totals(suites):
    """(passed, failed, skipped) over all suites."""
    return tuple(sum(suite.count(outcome) for suite in suites)
                 for outcome in (PASSED, FAILED, SKIPPED))


def write_tap(suites, path):
    """One flat TAP file of all cases."""
    lines = []
    for suite in suites:
        for case in suite.cases:
            word = 'not ok' if case.outcome == FAILED else 'ok'
            line = f'{word} {len(lines) + 1} {suite.name}: {case.name}'
            line = line.replace('#', '\\#')
            if case.outcome == SKIPPED:
                line += f' # SKIP {case.reason}'
            elif case.reason:
                line += '\n  # ' + case.reason.replace('\n', '\n  # ')
            lines.append(line)
    with open(path, 'w', encoding='utf-8') as f:
        f.write('TAP version 13\n')
        f.write(f'1..{len(lines)}\n')
        f.writelines(line + '\n' for line in lines)


def _clean(text):
    return UNPRINTABLE.sub('?', text)


def write_junit(name, suites, path):
    """JUnit XML as CI systems read it."""
    root = ET.Element('testsuites', name=name)
    for suite in suites:
        node = ET.SubElement(
            root, 'testsuite', name=_clean(suite.name),
            tests=str(len(suite.cases)),
            failures=str(suite.count(FAILED)),
            skipped=str(suite.count(SKIPPED)), errors='0',
            time=f'{suite.seconds:.3f}')
        for case in suite.cases:
            item = ET.SubElement(node, 'testcase', name=_clean(case.name),
                                 classname=_clean(f'{name}.{suite.name}'))
            if case.outcome == SKIPPED:
                ET.SubElement(item, 'skipped', message=_clean(case.reason))
            elif case.outcome == FAILED:
                failure = ET.SubElement(item, 'failure',
                                        message=_clean(case.reason))
                failure.text = _clean(case.detail)
    tree = ET.ElementTree(root)
    ET.indent(tree)
    tree.write(path, encoding='utf-8', xml_declaration=True)
