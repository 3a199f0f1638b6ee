#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""`scripts/results` must never report better than what happened, and
`scripts/step` must pass on how its command ended."""
import os
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
SCRIPTS = os.path.join(HERE, '..', '..', 'scripts')
sys.path.insert(0, HERE)
import tapunit  # noqa: E402  (beside this file)


class Base(unittest.TestCase):
    """A build and a cache folder of one's own."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.dir = folder.name
        self.environment = dict(os.environ, DMASHARE_BUILD=self.dir,
                                DMASHARE_CACHE=os.path.join(self.dir, 'c'))

    def run_script(self, name, *arguments):
        """Run one of our scripts: (status, stdout, stderr)."""
        done = subprocess.run([os.path.join(SCRIPTS, name), *arguments],
                              env=self.environment, capture_output=True,
                              text=True, stdin=subprocess.DEVNULL, check=False)
        return done.returncode, done.stdout, done.stderr

    def file(self, name, text):
        """A file with that text; its path."""
        path = os.path.join(self.dir, name)
        with open(path, 'w', encoding='utf-8') as f:
            f.write(text)
        return path


class Results(Base):
    """The report and its exit status."""

    def report(self):
        """(status, last line, everything)."""
        status, out, _ = self.run_script('results', 'report', 'g')
        return status, out.splitlines()[-1], out

    def add(self, text, *arguments):
        """Start a group of two suites, of which `a` printed this."""
        self.run_script('results', 'start', 'g', 'a', 'b')
        self.run_script('results', 'add', 'g', 'a', self.file('a', text),
                        *arguments)

    def test_all_good(self):
        self.add('1..1\nok 1 x\n')
        self.run_script('results', 'add', 'g', 'b',
                        self.file('b', '1..1\nok 1 y # SKIP no such bus\n'))
        status, last, out = self.report()
        self.assertEqual((status, last), (0, '1 passed, 0 failed, 1 skipped'))
        self.assertIn('no such bus', out)

    def test_planned_suite_that_never_ran(self):
        self.add('1..1\nok 1 x\n')
        status, last, _ = self.report()
        self.assertEqual((status, last), (1, '1 passed, 1 failed, 0 skipped'))

    def test_exit_status_counts(self):
        self.add('1..1\nok 1 x\n', '--status', '3')
        _, _, out = self.report()
        self.assertIn('ended with status 3', out)

    def test_no_output_file(self):
        self.run_script('results', 'start', 'g', 'a')
        self.run_script('results', 'add', 'g', 'a', '/no/such/file')
        self.assertEqual(self.report()[0], 1)

    def test_only_skips_is_no_success(self):
        self.run_script('results', 'start', 'g', 'a')
        self.run_script('results', 'skip', 'g', 'a', 'no kernel')
        self.assertEqual(self.report()[:2],
                         (1, '0 passed, 0 failed, 1 skipped'))

    def test_finding_of_the_runner(self):
        self.run_script('results', 'start', 'g', 'a')
        self.run_script('results', 'add', 'g', 'a',
                        self.file('a', '1..1\nok 1 x\n'))
        self.run_script('results', 'fail', 'g', 'a', 'splat', 'BUG: at 0',
                        '--log', self.file('log', 'the last words\n'))
        status, _, out = self.report()
        self.assertEqual(status, 1)
        self.assertIn('the last words', out)

    def test_group_that_never_started(self):
        status, out, err = self.run_script('results', 'report', 'nothing')
        self.assertEqual((status, out), (1, ''))
        self.assertIn('no results of "nothing"', err)

    def test_files_are_written(self):
        self.add('1..1\nok 1 x\n')
        self.report()
        for end in ('tap', 'xml'):
            self.assertTrue(os.path.getsize(
                os.path.join(self.dir, 'results', f'g.{end}')))


class Step(Base):
    """The wrapper of long commands."""

    def step(self, *command):
        """Run a command as a step."""
        return self.run_script('step', '--name', 'a step', '--log',
                               os.path.join(self.dir, 'log'), '--', *command)

    def test_success(self):
        status, _, err = self.step('true')
        self.assertEqual(status, 0)
        self.assertIn('a step: done', err)

    def test_status_is_passed_on(self):
        self.assertEqual(self.step('sh', '-c', 'exit 7')[0], 7)

    def test_killed_is_a_failure(self):
        self.assertNotEqual(self.step('sh', '-c', 'kill -9 $$')[0], 0)

    def test_failure_shows_end_and_path(self):
        _, _, err = self.step('sh', '-c', 'echo the reason; exit 1')
        self.assertIn('the reason', err)
        self.assertIn(os.path.join(self.dir, 'log'), err.splitlines()[-1])

    def test_ninja_failure_shows_what_failed_first(self):
        lines = 'echo "FAILED: a.o"; echo why; seq 1000; exit 1'
        _, _, err = self.step('sh', '-c', lines)
        self.assertIn('why', err)

    def test_no_such_command(self):
        status, _, err = self.step('/no/such/command')
        self.assertEqual(status, 1)
        self.assertIn('cannot run /no/such/command', err)


if __name__ == '__main__':
    tapunit.main()
