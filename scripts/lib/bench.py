# SPDX-License-Identifier: GPL-2.0-or-later
"""Figures beside their floors: what there is to measure, what the samples say.

A figure is a line of tests/perf/figures.  Samples of it and of its floor were
taken in turns, so the n-th of both were taken in the same weather: what counts
are the ratios of these pairs.

What takes them is started several times, and from one start to the next
other things differ than from one round to the next.  So a start is one
observation, however many rounds it has: the median of the starts' medians is
the result.  The spread is where half of all rounds are, from the first to the
third quartile, and wider where that leaves out the median of any start.
"""
import dataclasses
import json
import math
import os
import re
import shlex
import statistics

import common

FOLDER = os.path.join(common.TOP, 'tests/perf')
FIGURES = os.path.join(FOLDER, 'figures')
PROGRAMS = os.path.join(FOLDER, 'programs')
VMS = os.path.join(FOLDER, 'vms')
HOST = 'host'
NO_FLOOR = '-'
MARK = 'bench: '
VERSION = 2
# There each program was started once, and "points" stood for that start.
ONE_START = 1


class BenchError(Exception):
    """What was said or read is not what it should be."""


@dataclasses.dataclass
class Figure:
    """A line of tests/perf/figures."""
    name: str
    measured: str       # what
    floor: str          # what, or NO_FLOOR
    unit: str
    op: str             # '<=' or '>='
    goal: float         # inf: there is none

    def meets(self, value):
        """Is that as good as the goal?"""
        return value <= self.goal if self.op == '<=' else value >= self.goal

    def better(self, value, than):
        """Is it better than that?"""
        return value < than if self.op == '<=' else value > than


@dataclasses.dataclass
class Program:
    """A line of tests/perf/programs."""
    name: str
    where: str          # HOST or a VM
    timeout: float
    figures: list

    @property
    def file(self):
        """What is run."""
        return self.name.split(':')[0]


@dataclasses.dataclass
class Spread:
    """The result, and what it is between; of so many rounds in all starts."""
    median: float
    low: float
    high: float
    rounds: int
    starts: int = 1

    def overlaps(self, other):
        """Might both be the same but for noise?"""
        return self.low <= other.high and other.low <= self.high


@dataclasses.dataclass
class Point:
    """Samples of one start, of a figure that grows those at one count."""
    at: int
    measured: list
    floor: list
    note: str = ''
    instructions: list = dataclasses.field(default_factory=list)


def lines(path):
    """(where, line) of each that says something."""
    try:
        with open(path, encoding='utf-8') as f:
            for number, line in enumerate(f, 1):
                if line.strip() and not line.startswith('#'):
                    yield f'{path}:{number}', line.strip()
    except OSError as error:
        raise BenchError(f'{path}: {error.strerror}') from error


def read_figures(path=FIGURES):
    """{name: Figure}"""
    found = {}
    for where, line in lines(path):
        words = [word.strip() for word in line.split('|')]
        try:
            figure = Figure(*words[:5], float(words[5]))
        except (TypeError, ValueError, IndexError):
            raise BenchError(f'{where}: a line is "NAME | measured | floor | '
                             'unit | <= or >= | goal"') from None
        if len(words) != 6 or figure.op not in ('<=', '>='):
            raise BenchError(f'{where}: after the unit comes <= or >=, and '
                             'the goal')
        if figure.name in found:
            raise BenchError(f'{where}: {figure.name} is there already')
        found[figure.name] = figure
    return found


def read_vms(path=VMS):
    """{name: {variable of make: value}}"""
    found = {}
    for where, line in lines(path):
        name, *pairs = shlex.split(line)
        if not all(re.match(r'[A-Z0-9_]+=', pair) for pair in pairs):
            raise BenchError(f'{where}: a VM is "NAME VARIABLE=VALUE..."')
        found[name] = dict(pair.split('=', 1) for pair in pairs)
    return found


def read_programs(figures, vms, path=PROGRAMS):
    """[Program]"""
    found = []
    for where, line in lines(path):
        words = line.split()
        try:
            program = Program(words[0], words[1], float(words[2]), words[3:])
        except (IndexError, ValueError):
            raise BenchError(f'{where}: a line is "PROGRAM WHERE TIMEOUT '
                             'FIGURE..."') from None
        for name in program.figures:
            if name not in figures:
                raise BenchError(f'{where}: {FIGURES} has no {name}')
        if not program.figures:
            raise BenchError(f'{where}: which figures?')
        if program.where != HOST and program.where not in vms:
            raise BenchError(f'{where}: {VMS} has no {program.where}')
        found.append(program)
    return found


# -- what programs print

def _numbers(line, said, key):
    values = said.get(key, [])
    if not isinstance(values, list) or not all(
            isinstance(value, (int, float)) and not isinstance(value, bool)
            and math.isfinite(value) for value in values):
        raise BenchError(f'"{key}" is no list of numbers: {line[:100]}')
    return values


def take(line, figures):
    """(name, Point or the reason why it was skipped) of a line that a program
    printed, or None if it is not about a figure."""
    if not line.startswith(MARK):
        return None
    try:
        said = json.loads(line[len(MARK):])
        name = said['figure']
        figure = figures[name]
    except (ValueError, KeyError, TypeError):
        raise BenchError(f'not a sample of a known figure: {line[:100]}'
                         ) from None
    if 'skipped' in said:
        return name, str(said['skipped'])
    measured, floor, instructions = (
        _numbers(line, said, key)
        for key in ('measured', 'floor', 'instructions'))
    if said.get('unit') != figure.unit:
        raise BenchError(f'{name} is in {figure.unit}, not in '
                         f'{said.get("unit")}')
    if not measured:
        raise BenchError(f'{name}: no samples')
    if figure.floor == NO_FLOOR and not floor:
        pass
    elif len(floor) != len(measured):
        raise BenchError(f'{name}: {len(measured)} samples beside '
                         f'{len(floor)} of the floor: they come in pairs')
    elif min(floor) <= 0:
        raise BenchError(f'{name}: a sample of the floor is not positive')
    at = said.get('at')
    if at is not None and (not isinstance(at, int) or at < 1):
        raise BenchError(f'{name}: "at" is not a count')
    return name, Point(at, measured, floor, str(said.get('note', '')),
                       instructions)


# -- what the samples say

def spread(starts):
    """Of the values of each start: the median of its starts' medians, and the
    quartiles of all values, or the medians of all starts if these are further
    apart."""
    values = [value for start in starts for value in start]
    medians = [statistics.median(start) for start in starts]
    low = high = values[0]
    if len(values) > 1:
        low, _, high = statistics.quantiles(values, n=4, method='inclusive')
    return Spread(statistics.median(medians), min(low, *medians),
                  max(high, *medians), len(values), len(starts))


def ratios(point):
    """Of each round; without a floor the samples themselves."""
    if not point.floor:
        return list(point.measured)
    return [m / f for m, f in zip(point.measured, point.floor)]


def growth(points):
    """What the largest count costs beside the cheapest of the smaller, in each
    round of one start."""
    ordered = sorted(points, key=lambda point: point.at)
    if len(ordered) < 2:
        raise BenchError('growth needs samples at two counts')
    cheapest = min(statistics.median(ratios(point)) for point in ordered[:-1])
    if cheapest <= 0:
        raise BenchError('a median is not positive')
    return [ratio / cheapest for ratio in ratios(ordered[-1])]


def values_of(points):
    """What one start says of its figure, by round."""
    if any(point.at is not None for point in points):
        if any(point.at is None for point in points) or len(
                {point.at for point in points}) != len(points):
            raise BenchError('each count has one line')
        return growth(points)
    if len(points) != 1:
        raise BenchError('a figure that does not grow has one line')
    return ratios(points[0])


def result(starts):
    """The Spread that is held against the goal."""
    if any({point.at for point in points} != {point.at for point in starts[0]}
           for points in starts):
        raise BenchError('not every start has samples at the same counts')
    return spread([values_of(points) for points in starts])


# -- results in a file

def report(figure, starts):
    """A figure as JSON has it, of the points of each start."""
    found = result(starts)
    goal = math.isfinite(figure.goal)
    return {'unit': figure.unit, 'op': figure.op,
            'goal': figure.goal if goal else None,
            'ratio': dataclasses.asdict(found),
            'met': figure.meets(found.median) if goal else None,
            'starts': [[dataclasses.asdict(point) for point in points]
                       for points in starts]}


def by_count(entry, kind):
    """{count or None: the samples by start} of what JSON has of a figure;
    `kind` is "measured" or "floor".  The smallest count comes first."""
    found = {}
    for points in entry['starts']:
        for point in points:
            found.setdefault(point['at'], []).append(point[kind])
    return dict(sorted(found.items(), key=lambda item: item[0] or 0))


def load(path):
    """What `make bench` wrote, or a folder in which it did.  What it wrote when
    it started each program once is a result of one start."""
    if os.path.isdir(path):
        path = os.path.join(path, 'results.json')
    try:
        with open(path, encoding='utf-8') as f:
            found = json.load(f)
        if found['version'] not in (VERSION, ONE_START):
            raise BenchError(f'{path}: version {found["version"]}, not '
                             f'{VERSION}')
        for entry in found['figures'].values():
            if 'skipped' in entry:
                continue
            Spread(**entry['ratio'])
            if found['version'] == ONE_START:
                entry['starts'] = [entry.pop('points')]
        return found
    except OSError as error:
        raise BenchError(f'{path}: {error.strerror}') from error
    except (ValueError, KeyError, TypeError, AttributeError):
        raise BenchError(f'{path} is not a result of make bench') from None


@dataclasses.dataclass
class Change:
    """A figure of two results."""
    name: str
    old: Spread
    new: Spread
    verdict: str        # 'same', 'better', 'worse', 'only old', 'only new'

    @property
    def percent(self):
        """The change of the median."""
        return (self.new.median / self.old.median - 1) * 100


def compare(old, new, figures):
    """[Change] of all figures in either.  One has changed if the spreads of
    both lie apart."""
    found = []
    for name in dict.fromkeys([*old['figures'], *new['figures']]):
        spreads = []
        for side in (old, new):
            entry = side['figures'].get(name, {'skipped': ''})
            spreads.append(None if 'skipped' in entry
                           else Spread(**entry['ratio']))
        was, now = spreads
        if not was and not now:
            continue
        if not was or not now:
            verdict = 'only old' if was else 'only new'
        elif was.overlaps(now):
            verdict = 'same'
        else:
            op = (old['figures'][name]['op'] if name not in figures
                  else figures[name].op)
            less = now.median < was.median
            verdict = 'better' if less == (op == '<=') else 'worse'
        found.append(Change(name, was, now, verdict))
    return found


def started_once(found):
    """The figures whose spread cannot have what changes from start to start,
    and the others."""
    once, many = [], []
    for name, entry in found['figures'].items():
        if 'skipped' not in entry:
            starts = Spread(**entry['ratio']).starts
            (once if starts == 1 else many).append(name)
    return once, many


# -- for people

def amount(value, unit):
    """1234567 ns is 1.23 ms."""
    scales = {'ns': (('s', 1e9), ('ms', 1e6), ('us', 1e3), ('ns', 1)),
              'B/s': (('GB/s', 1e9), ('MB/s', 1e6), ('B/s', 1))}
    for name, size in scales.get(unit, ()):
        if abs(value) >= size:
            return f'{value / size:.3g} {name}'
    return f'{value:.3g} {unit}'


def table(rows):
    """Words in columns, the first to the left."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return '\n'.join('  '.join(
        word.ljust(width) if not i else word.rjust(width)
        for i, (word, width) in enumerate(zip(row, widths))).rstrip()
        for row in rows)


def goal_words(figure, met):
    """The goal, and whether it is met."""
    if met is None:
        return '', ''
    return f'{figure.op} {figure.goal:g}', 'met' if met else 'NOT met'


def result_rows(figures, results):
    """The table of `make bench`."""
    rows = [('figure', 'measured', 'floor', 'ratio', 'spread', 'starts',
             'rounds', 'goal', '')]
    for name, entry in results.items():
        if 'skipped' in entry:
            continue
        figure = figures[name]
        found = Spread(**entry['ratio'])
        at, samples = by_count(entry, 'measured').popitem()
        floors = by_count(entry, 'floor')[at]
        measured = amount(spread(samples).median, figure.unit)
        floor = (amount(spread(floors).median, figure.unit)
                 if floors[0] else '-')
        if at:
            measured += f' at {at}'
        words = (f'{value:.3f}' if floors[0] or at else
                 amount(value, figure.unit)
                 for value in (found.median, found.low, found.high))
        rows.append((name, measured, floor, next(words), '..'.join(words),
                     f'{found.starts}', f'{found.rounds}',
                     *goal_words(figure, entry['met'])))
    return rows
