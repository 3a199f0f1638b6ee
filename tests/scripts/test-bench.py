#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What `make bench` makes of samples: its lists, statistics, comparisons and
tables, and one run of the harness.  How fast anything is is not judged."""
import contextlib
import importlib.machinery
import importlib.util
import io
import json
import os
import random
import subprocess
import sys
import tempfile
import unittest
from unittest import mock

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.join(TOP, 'scripts', 'lib'))
import bench  # noqa: E402  (needs the path above)
import benchplot  # noqa: E402
import common  # noqa: E402
import tapunit  # noqa: E402



def load_harness():
    """scripts/bench, whose name is not one of a module."""
    loader = importlib.machinery.SourceFileLoader(
        'harness', os.path.join(TOP, 'scripts', 'bench'))
    spec = importlib.util.spec_from_loader('harness', loader)
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


harness = load_harness()
LESS = bench.Figure('less', 'this', 'that', 'ns', '<=', 1.5)
MORE = bench.Figure('more', 'this', 'that', 'B/s', '>=', 0.9)
ALONE = bench.Figure('alone', 'this', '-', 'B', '<=', 24)
FREE = bench.Figure('free', 'this', 'that', 'ns', '<=', float('inf'))
FIGURES = {figure.name: figure for figure in (LESS, MORE, ALONE, FREE)}


def point(measured, floor=(), at=None):
    """Samples."""
    return bench.Point(at, list(measured), list(floor))


def results(starts=3, **ratios):
    """As `make bench` writes them: a (low, median, high) of each figure."""
    return {'version': bench.VERSION, 'figures': {
        name: {'op': FIGURES[name].op, 'goal': FIGURES[name].goal,
               'ratio': {'low': low, 'median': median, 'high': high,
                         'rounds': 9, 'starts': starts}}
        for name, (low, median, high) in ratios.items()}}


def old_results():
    """As it wrote them when it started each program once."""
    return {'version': 1, 'figures': {
        'less': {'op': '<=', 'goal': 1.5,
                 'ratio': {'low': 1, 'median': 2, 'high': 3, 'rounds': 9},
                 'points': [{'at': None, 'measured': [2], 'floor': [1],
                             'note': '', 'instructions': []}]},
        'more': {'skipped': 'why'}}}


class Files(unittest.TestCase):
    """tests/perf/figures, programs and vms."""

    def write(self, text):
        """A file with that in it."""
        handle, path = tempfile.mkstemp()
        self.addCleanup(os.unlink, path)
        with os.fdopen(handle, 'w', encoding='utf-8') as f:
            f.write(text)
        return path

    def test_own(self):
        figures = bench.read_figures()
        programs = bench.read_programs(figures, bench.read_vms())
        self.assertEqual(figures['submit-wake'].goal, 1.5)
        self.assertEqual(figures['copy-contiguous'].op, '>=')
        self.assertTrue(programs)

    def test_figures(self):
        found = bench.read_figures(self.write('# x\n\na | b | c | ns | <= | 2'))
        self.assertEqual(found['a'], bench.Figure('a', 'b', 'c', 'ns', '<=',
                                                  2.0))

    def test_bad_figures(self):
        for text in ('a | b | c | ns | <=', 'a | b | c | ns | < | 1',
                     'a | b | c | ns | <= | one',
                     'a | b | c | ns | <= | 1 | 2',
                     'a | b | c | ns | <= | 1\na | b | c | ns | <= | 1'):
            with self.subTest(text), self.assertRaises(bench.BenchError):
                bench.read_figures(self.write(text))

    def test_bad_programs(self):
        for text in ('a host', 'a host long less', 'a host 1',
                     'a host 1 unknown', 'a elsewhere 1 less'):
            with self.subTest(text), self.assertRaises(bench.BenchError):
                bench.read_programs(FIGURES, {'vm': {}}, self.write(text))

    def test_vms(self):
        found = bench.read_vms(self.write("a MEM=1G KERNEL_ARGS='b c=d'\nb"))
        self.assertEqual(found, {'a': {'MEM': '1G', 'KERNEL_ARGS': 'b c=d'},
                                 'b': {}})
        with self.assertRaises(bench.BenchError):
            bench.read_vms(self.write('a b'))


class Lines(unittest.TestCase):
    """What programs print."""

    def take(self, said, **changes):
        """One line."""
        return bench.take('bench: ' + json.dumps({**said, **changes}),
                          FIGURES)

    GOOD = {'figure': 'less', 'unit': 'ns', 'measured': [1, 2.5],
            'floor': [2, 3], 'note': 'n'}

    def test_samples(self):
        self.assertEqual(self.take(self.GOOD), ('less', bench.Point(
            None, [1, 2.5], [2, 3], 'n')))
        self.assertEqual(self.take(self.GOOD, at=7)[1].at, 7)

    def test_others(self):
        self.assertIsNone(bench.take('1..4', FIGURES))
        self.assertEqual(bench.take('bench: {"figure": "more", "skipped": '
                                    '"why"}', FIGURES), ('more', 'why'))

    def test_no_floor(self):
        said = {'figure': 'alone', 'unit': 'B', 'measured': [5]}
        self.assertEqual(self.take(said)[1].floor, [])

    def test_bad(self):
        for changes in ({'figure': 'unknown'}, {'unit': 's'},
                        {'measured': []}, {'floor': [1]}, {'floor': []},
                        {'floor': [1, 0]}, {'measured': [1, 'x']},
                        {'measured': [1, True]}, {'measured': 1},
                        {'measured': [1, float('nan')]}, {'at': 0},
                        {'at': 'x'}):
            with self.subTest(changes), self.assertRaises(bench.BenchError):
                self.take(self.GOOD, **changes)
        for line in ('bench: ', 'bench: {}', 'bench: []', 'bench: {"figure"'):
            with self.subTest(line), self.assertRaises(bench.BenchError):
                bench.take(line, FIGURES)


class Statistics(unittest.TestCase):
    """What samples say."""

    def test_quartiles(self):
        self.assertEqual(bench.spread([[5, 1, 4, 2, 3]]),
                         bench.Spread(3, 2, 4, 5, 1))
        self.assertEqual(bench.spread([[7]]), bench.Spread(7, 7, 7, 1, 1))

    def test_starts_differ(self):
        # In each start all rounds are the same: that says nothing of others.
        found = bench.spread([[20] * 9, [30] * 9, [10] * 9])
        self.assertEqual(found, bench.Spread(20, 10, 30, 27, 3))
        # One that is away from many does not move the result; but it is told.
        found = bench.spread([[2] * 9] * 4 + [[9] * 9])
        self.assertEqual(found, bench.Spread(2, 2, 9, 45, 5))

    def test_rounds_differ(self):
        # Starts that say the same: as it is with one.
        start = [1, 2, 3, 4, 5]
        self.assertEqual(bench.spread([start] * 3),
                         bench.Spread(3, 2, 4, 15, 3))

    def test_start_with_most_rounds(self):
        # It is one observation, as are the others.
        found = bench.spread([[9] * 100, [1], [2]])
        self.assertEqual((found.median, found.low, found.high), (2, 1, 9))

    def test_of_pairs(self):
        # The weather changes in the middle; both feel it, the ratio does not.
        found = bench.result([[point([10, 12, 1000, 1200],
                                     [5, 6, 500, 600])],
                              [point([20, 60], [10, 30])]])
        self.assertEqual(found, bench.Spread(2, 2, 2, 6, 2))

    def test_outliers(self):
        found = bench.result([[point([1] * 20 + [1000], [1] * 21)]] * 2)
        self.assertEqual((found.median, found.high), (1, 1))

    def test_growth(self):
        found = bench.result([[point([100], at=1), point([30], at=100),
                               point([33, 36, 39], at=1000)]])
        self.assertAlmostEqual(found.median, 1.2)
        self.assertAlmostEqual(found.low, 1.15)
        # What gets cheaper is not growth.
        self.assertLess(bench.result([[point([100], at=1),
                                       point([50], at=10)]]).median, 1)

    def test_growth_of_each_start(self):
        # The second is ten times slower in all it does, and grows as much.
        found = bench.result([[point([10] * 3, at=1), point([12] * 3, at=9)],
                              [point([120] * 3, at=9), point([100] * 3, at=1)]])
        self.assertEqual((found.starts, found.rounds), (2, 6))
        self.assertAlmostEqual(found.low, 1.2)
        self.assertAlmostEqual(found.high, 1.2)
        # What the small count cost differs, and that is a difference as well.
        found = bench.result([[point([small] * 3, at=1), point([12] * 3, at=9)]
                              for small in (10, 8, 12)])
        self.assertAlmostEqual(found.low, 1)
        self.assertAlmostEqual(found.median, 1.2)
        self.assertAlmostEqual(found.high, 1.5)

    def test_growth_beside_a_floor(self):
        found = bench.result([[point([10], [10], at=1),
                               point([30], [20], at=10)]])
        self.assertAlmostEqual(found.median, 1.5)

    def test_lines_that_do_not_fit(self):
        for points in ([point([1], at=1)], [point([1], at=1), point([1])],
                       [point([1], at=1), point([1], at=1)],
                       [point([1]), point([1])],
                       [point([0], at=1), point([1], at=2)]):
            with self.subTest(points), self.assertRaises(bench.BenchError):
                bench.result([points])

    def test_starts_that_do_not_fit(self):
        one = [point([1], at=1), point([1], at=2), point([1], at=3)]
        for other in (one[:2], [point([1])]):
            with self.subTest(other), self.assertRaises(bench.BenchError):
                bench.result([one, other])

    def test_goals(self):
        for figure, value, good in ((LESS, 1.5, True), (LESS, 1.51, False),
                                    (MORE, 0.9, True), (MORE, 0.89, False)):
            self.assertEqual(figure.meets(value), good)
        self.assertTrue(bench.report(ALONE, [[point([24])]])['met'])
        self.assertFalse(bench.report(ALONE, [[point([25])]])['met'])

    def test_every_sample(self):
        # By start, as they were taken.
        starts = [[point([3], [1], at=2), point([1, 2], [1, 1], at=1)],
                  [point([4], [1], at=1), point([5], [1], at=2)]]
        entry = json.loads(json.dumps(bench.report(LESS, starts)))
        self.assertEqual([[(p['at'], p['measured']) for p in start]
                          for start in entry['starts']],
                         [[(2, [3]), (1, [1, 2])], [(1, [4]), (2, [5])]])
        self.assertEqual(list(bench.by_count(entry, 'measured').items()),
                         [(1, [[1, 2], [4]]), (2, [[3], [5]])])


class Compare(unittest.TestCase):
    """Two results."""

    def verdicts(self, old, new):
        """{figure: verdict}"""
        return {change.name: change.verdict
                for change in bench.compare(old, new, FIGURES)}

    def test_noise(self):
        self.assertEqual(self.verdicts(
            results(less=(1.0, 1.1, 1.2), more=(0.8, 0.9, 1.0)),
            results(less=(1.19, 1.3, 1.4), more=(0.7, 0.75, 0.8))),
            {'less': 'same', 'more': 'same'})

    def test_changed(self):
        old = results(less=(1.0, 1.1, 1.2), more=(0.8, 0.9, 1.0))
        new = results(less=(1.21, 1.3, 1.4), more=(1.01, 1.1, 1.2))
        self.assertEqual(self.verdicts(old, new),
                         {'less': 'worse', 'more': 'better'})
        self.assertEqual(self.verdicts(new, old),
                         {'less': 'better', 'more': 'worse'})

    def test_only_one(self):
        self.assertEqual(self.verdicts(results(less=(1, 1, 1)),
                                       results(more=(1, 1, 1))),
                         {'less': 'only old', 'more': 'only new'})
        both = {'figures': {'less': {'skipped': 'why'}}}
        self.assertEqual(self.verdicts(both, both), {})

    def test_samples(self):
        # The same thing twice, and one that is two thirds slower, with noise;
        # and with a difference between starts that no round of one can tell.
        dice = random.Random(1)

        def noisy(factor):
            starts = []
            for _ in range(5):
                own = factor * dice.uniform(0.85, 1.15)
                floor = [dice.uniform(90, 130) for _ in range(200)]
                starts.append([point(
                    [f * own * dice.uniform(0.97, 1.03) for f in floor],
                    floor)])
            return starts

        def overlaps(*both):
            one, other = (bench.Spread(**bench.report(LESS, starts)['ratio'])
                          for starts in both)
            return one.overlaps(other)
        once, again, slower = noisy(1.2), noisy(1.2), noisy(2)
        self.assertTrue(overlaps(once, again))
        self.assertFalse(overlaps(once, slower))
        # By one start of each they would have been another thing.
        alone = [(a, b) for a in once for b in again]
        self.assertFalse(all(overlaps([a], [b]) for a, b in alone))

    def program(self, old, new):
        """scripts/bench-compare of these."""
        with tempfile.TemporaryDirectory() as folder:
            for name, text in (('old', old), ('new', new)):
                os.mkdir(os.path.join(folder, name))
                with open(os.path.join(folder, name, 'results.json'), 'w',
                          encoding='utf-8') as f:
                    f.write(text)
            return subprocess.run(
                [os.path.join(TOP, 'scripts/bench-compare'),
                 os.path.join(folder, 'old'),
                 os.path.join(folder, 'new/results.json')],
                capture_output=True, text=True, check=False)

    def test_program(self):
        # Figures of another time are judged by what was written of them.
        old = json.dumps(results(less=(1.0, 1.1, 1.2)))
        new = json.dumps(results(less=(1.3, 1.375, 1.4)))
        done = self.program(old, new)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stdout, r'less .*1\.100.*1\.375.*\+25\.0 % '
                         r' worse\n0 better, 1 worse, 0 same\n')
        self.assertEqual(self.program(new, old).returncode, 0)
        self.assertEqual(self.program(old, old).returncode, 0)

    def test_started_once(self):
        # What can not be known of a result is said of it.
        many = json.dumps(results(less=(1.5, 2, 2.5)))
        self.assertNotIn('once', self.program(many, many).stdout)
        once = results(starts=1, less=(1, 2, 3))
        done = self.program(json.dumps(once), many)
        self.assertRegex(done.stdout, r'(?m)^old: started once, .*: all fig')
        self.assertNotRegex(done.stdout, '(?m)^new:')
        once['figures'].update(results(more=(1, 2, 3))['figures'])
        done = self.program(many, json.dumps(once))
        self.assertRegex(done.stdout, r'(?m)^new: started once, .*: less$')

    def test_old_file(self):
        done = self.program(json.dumps(old_results()),
                            json.dumps(results(less=(3.5, 4, 5))))
        self.assertRegex(done.stdout, r'less +2\.000 \(1\.000\.\.3\.000\) .*'
                         r'\+100\.0 % +worse\n')
        self.assertRegex(done.stdout, r'(?m)^old: started once, .*: all fig')
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, 'results.json')
            with open(path, 'w', encoding='utf-8') as f:
                json.dump(old_results(), f)
            entry = bench.load(folder)['figures']['less']
        self.assertEqual(bench.by_count(entry, 'measured'), {None: [[2]]})

    def test_program_refuses(self):
        good = json.dumps(results(less=(1, 1, 1)))
        for bad in ('', '[]', '{"version": 99, "figures": {}}',
                    '{"version": 1, "figures": {"less": {"ratio": {"low": 1,'
                    ' "median": 1, "high": 1, "rounds": 1}}}}',
                    '{"version": 1, "figures": {"less": {"ratio": 1}}}'):
            done = self.program(good, bad)
            with self.subTest(bad):
                self.assertEqual(done.returncode, 1)
                self.assertRegex(done.stderr, r'\Admashare: [^\n]*\n\Z')


class Output(unittest.TestCase):
    """What a person sees."""

    def found(self):
        """Three figures, and one that was skipped."""
        return {'less': bench.report(LESS, [
                    [point([3e6, 3e6], [1e6, 1e6])]] * 2),
                'more': bench.report(MORE, [[point([2e9], [2e9])]]),
                'alone': bench.report(ALONE, [
                    [point([10], at=1), point([value], at=1000)]
                    for value in (20, 30, 15)]),
                'free': bench.report(FREE, [[point([1], [1])]]),
                'none': {'skipped': 'why'}}

    def test_json(self):
        # What has no goal must not put something there that is not JSON.
        text = json.dumps(self.found(), allow_nan=False)
        self.assertIsNone(json.loads(text)['free']['met'])

    def test_table(self):
        text = bench.table(bench.result_rows(FIGURES, self.found()))
        self.assertRegex(text, r'less +3 ms +1 ms +3\.000 +3\.000\.\.3\.000 '
                         r'+2 +4 +<= 1\.5 +NOT met')
        self.assertRegex(text, r'more +2 GB/s +2 GB/s +1\.000 .* met')
        self.assertRegex(text, r'(?m)^free +1 ns +1 ns +1\.000 +\S+ +1 +1$')
        self.assertRegex(text, r'alone +20 B at 1000 +- +2\.000 +'
                         r'1\.500\.\.3\.000 +3 +3 ')

    def test_pictures(self):
        found = benchplot.pictures(self.found())
        self.assertEqual(list(found), ['ratios', 'alone'])
        script = found['ratios'][1]
        # 3 where 1.5 is permitted; what is better than its goal is below 1.
        self.assertIn('\n2 2 2 2 ', script)
        self.assertIn('\n0.9 1 0.9 0.9 ', script)
        self.assertIn('\n1 10 10.0 10.0\n1000 20 15 30\n', found['alone'][1])

    def test_hostile_names(self):
        self.assertEqual(benchplot.quoted('a"b\\c'), '"a\'bc"')


class Recorded(harness.Run):
    """A run of programs that take nothing, and of what it started."""

    def __init__(self, folder, bad=()):
        super().__init__(FIGURES, list(FIGURES), '', folder)
        self.started = []
        self.bad = bad      # (program, start) of those that fail

    def note(self, programs):
        """They were started."""
        for program in programs:
            self.started.append(f'{program.name}{self.start}')
            if (program.name, self.start) in self.bad:
                self.fail('as told', program)

    def host(self, program):
        self.note([program])

    def guests(self, name, variables, programs):
        self.started.append(f'[{name}')
        self.note(programs)
        self.started.append(']')


class Starts(unittest.TestCase):
    """Each program several times."""

    # It says which start it is told that it is, and which process it is.
    PROGRAM = """#!/bin/sh
echo "bench: {\\"figure\\": \\"alone\\", \\"unit\\": \\"B\\", \\
      \\"measured\\": [$BENCH_START, $$]}"
echo "start $BENCH_START" >&2
if [ "$BENCH_START" = "$FAILS_AT" ]; then exit 1; fi
"""
    VMS = {'vm': {}, 'other': {}}

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def started(self, bad=()):
        """What three starts of these programs are."""
        run = Recorded(self.folder, bad)
        with mock.patch.object(common, 'say'):
            run.measure([bench.Program(name, where, 9, ['less'])
                         for name, where in (('a', 'host'), ('b', 'vm'),
                                             ('c', 'host'), ('d', 'vm'),
                                             ('e', 'other'))], self.VMS, 3)
        return ' '.join(run.started)

    def test_order(self):
        self.assertEqual(self.started(), ' '.join(
            f'a{n} c{n} [vm b{n} d{n} ] [other e{n} ]' for n in (1, 2, 3)))

    def test_failed(self):
        self.assertEqual(
            self.started({('a', 1), ('b', 2), ('e', 1)}),
            'a1 c1 [vm b1 d1 ] [other e1 ] c2 [vm b2 d2 ] c3 [vm d3 ]')

    def take(self, fails_at=''):
        """A program of the host that is a script of ours, three times."""
        path = os.path.join(self.folder, 'script')
        with open(path, 'w', encoding='utf-8') as f:
            f.write(self.PROGRAM)
        os.chmod(path, 0o700)
        run = harness.Run(FIGURES, ['alone'], '', self.folder)
        with mock.patch.object(harness, 'HOST_PROGRAMS', (self.folder,)), \
                mock.patch.dict(os.environ, FAILS_AT=fails_at), \
                mock.patch.object(common, 'say'):
            run.measure([bench.Program('script', 'host', 60, ['alone'])], {},
                        3)
        with open(os.path.join(self.folder, 'script.log'),
                  encoding='utf-8') as f:
            return run, run.results()['alone'], f.read()

    def test_processes(self):
        run, entry, log = self.take()
        self.assertEqual(run.failures, [])
        samples = bench.by_count(entry, 'measured')[None]
        self.assertEqual([start for start, _ in samples], [1, 2, 3])
        self.assertEqual(len({process for _, process in samples}), 3)
        self.assertEqual(entry['ratio']['starts'], 3)
        self.assertEqual(log, 'start 1\nstart 2\nstart 3\n')
        # The log is of the last run alone.
        self.assertEqual(self.take()[2], log)

    def test_process_failed(self):
        run, entry, log = self.take(fails_at='2')
        self.assertEqual(len(run.failures), 1)
        self.assertRegex(run.failures[0], 'status 1: .*script.log')
        self.assertEqual(entry['ratio']['starts'], 2)
        self.assertEqual(log, 'start 1\nstart 2\n')

    def test_only_sometimes(self):
        run = harness.Run(FIGURES, ['alone'], '', self.folder)
        program = bench.Program('p', 'host', 9, ['alone'])
        with mock.patch.object(common, 'say'):
            for said in ('"unit": "B", "measured": [1]', '"skipped": "why"'):
                run.start += 1
                run.take(program, 'bench: {"figure": "alone", ' + said + '}',
                         'host')
            self.assertEqual(run.failures, [])
            run.results()
        self.assertRegex(run.failures[0], 'alone was skipped in some.*why')

    def test_numbers(self):
        self.assertEqual(harness.how_often('7'), 7)
        for bad in ('0', '-1', '101', 'x', '1.5'):
            with self.subTest(bad), self.assertRaises(SystemExit), \
                    contextlib.redirect_stderr(io.StringIO()) as said:
                harness.how_often(bad)
            self.assertIn(f'STARTS={bad} is not', said.getvalue())


class Harness(unittest.TestCase):
    """scripts/bench"""

    def run_it(self, *words, **variables):
        """As a process, and the results it wrote."""
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run(
                [os.path.join(TOP, 'scripts/bench'), '--output', folder,
                 *words], capture_output=True, text=True, check=False,
                env={**os.environ, 'ONLY': '', 'EXPORTER': '', 'STARTS': '2',
                     **variables})
            path = os.path.join(folder, 'results.json')
            found = bench.load(path) if os.path.exists(path) else None
        return done, found

    def test_unknown_figure(self):
        done, found = self.run_it('nonsense')
        self.assertEqual((done.returncode, found), (1, None))
        self.assertRegex(done.stderr, r'\Admashare: .*nonsense.*submit-wake')

    def test_bad_starts(self):
        done, found = self.run_it('qtest-batch', STARTS='none')
        self.assertEqual((done.returncode, found), (1, None))
        self.assertRegex(done.stderr, r'\Admashare: STARTS=none is not')

    def test_choice(self):
        done, _ = self.run_it('--list', ONLY='memory')
        self.assertRegex(done.stdout, 'memory-segment')
        self.assertNotRegex(done.stdout, 'submit-wake')

    def test_one_figure(self):
        done, found = self.run_it('qtest-batch')
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        entry = found['figures']['qtest-batch']
        self.assertEqual((found['starts'], entry['ratio']['starts'],
                          len(entry['starts'])), (2, 2, 2))
        self.assertGreater(entry['ratio']['rounds'], 2)
        self.assertRegex(done.stdout, r'qtest-batch +[\d.]+ [mu]?s')

    def test_other_exporter(self):
        # Figures of the device alone say nothing of another's.
        done, found = self.run_it('qtest-batch', EXPORTER='vgem')
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn('vgem', found['figures']['qtest-batch']['skipped'])


if __name__ == '__main__':
    if not os.path.isdir(common.BUILD):
        sys.exit('no build folder: run make first')
    tapunit.main()
