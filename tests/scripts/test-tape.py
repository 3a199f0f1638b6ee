#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Recordings of scenarios that another version made: each is played, and one
that is not equal, breaks off or is missing is told of.  A program of a few
lines stands in for dmashare-replay; it says what a recording is told to be."""
import contextlib
import io
import os
import subprocess
import sys
import tempfile
import unittest
from unittest import mock

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.join(TOP, 'scripts', 'lib'))
import hardware  # noqa: E402  (needs the path above)
import rows  # noqa: E402
import tap  # noqa: E402
import tape  # noqa: E402
import tapunit  # noqa: E402

REPLAY = '''#!/bin/bash
# --repeat N FILE; the file has the status and what is to be said.
[ "$1" = --repeat ] && [ "$QTEST_QEMU_BINARY" = the-emulator ] || exit 3
read -r status said <"$3"
[ -z "$said" ] || echo "dmashare-replay: $said"
[ "$status" != 0 ] ||
    echo "dmashare-replay: $2 of $2 are identical: 7 entries, SHA-256 ab12"
exit "$status"
'''


class Against(unittest.TestCase):
    """A folder of recordings and what comes of it."""

    def setUp(self):
        # pylint: disable=consider-using-with
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        program = os.path.join(self.folder, 'replay')
        with open(program, 'w', encoding='utf-8') as f:
            f.write(REPLAY)
        os.chmod(program, 0o755)
        self.told = []
        for what, name, new in (
                (tape, 'PROGRAM', program),
                (hardware, 'find_qemu', lambda: 'the-emulator'),
                (rows, 'results', lambda *words: self.told.append(words))):
            patch = mock.patch.object(what, name, new)
            patch.start()
            self.addCleanup(patch.stop)

    def recording(self, name, text):
        """A file that has the replay do so."""
        with open(os.path.join(self.folder, name), 'w',
                  encoding='utf-8') as f:
            f.write(text + '\n')

    def play(self, *names):
        """(what was said, {scenario: [(recording, outcome)]})"""
        with contextlib.redirect_stderr(io.StringIO()) as said:
            tape.against(self.folder, names, 'group', self.folder, 3)
        self.assertEqual(self.told[0], ('start', 'group', *names))
        found = {}
        for what, _, name, path in self.told[1:]:
            found[name] = path
            if what == 'add':
                with open(path, encoding='utf-8') as f:
                    found[name] = [(case.name, case.outcome)
                                   for case in tap.parse(f.read())]
        return said.getvalue(), found

    def test_equal(self):
        self.recording('late-fence-0.record', '0 equal')
        self.recording('late-fence-1.record', '0 equal')
        self.recording('late-0.record', '0 equal')
        said, found = self.play('late', 'late-fence')
        self.assertEqual(found, {
            'late': [('late-0.record', tap.PASSED)],
            'late-fence': [('late-fence-0.record', tap.PASSED),
                           ('late-fence-1.record', tap.PASSED)]})
        self.assertEqual(said.count('equal: 7 entries, SHA-256 ab12'), 3)

    def test_different(self):
        self.recording('a-0.record', '0 equal')
        self.recording('a-1.record', '1 record 9: expected 1, came 2')
        self.recording('b-0.record', '2 no recording')
        self.recording('c-0.record', '134')
        said, found = self.play('a', 'b', 'c')
        self.assertEqual(found, {
            'a': [('a-0.record', tap.PASSED), ('a-1.record', tap.FAILED)],
            'b': [('b-0.record', tap.FAILED)],
            'c': [('c-0.record', tap.FAILED)]})
        self.assertIn('a-1.record: DIFFERENT: dmashare-replay: record 9: '
                      'expected 1, came 2', said)
        self.assertIn('c-0.record: DIFFERENT: dmashare-replay ended with '
                      'status 134', said)

    def test_missing_is_no_success(self):
        self.recording('a-0.record', '0 equal')
        _, found = self.play('a', 'b')
        self.assertEqual(self.told[-1][:3], ('skip', 'group', 'b'))
        self.assertIn('no recording of it', found['b'])

    def test_folder_without_recordings(self):
        for folder in (self.folder, os.path.join(self.folder, 'none')):
            done = subprocess.run(
                [os.path.join(TOP, 'scripts/scenario'), '--against', folder],
                stdin=subprocess.DEVNULL, capture_output=True, text=True,
                check=False)
            self.assertEqual(done.returncode, 1)
            self.assertIn('there is no recording in it', done.stderr)


if __name__ == '__main__':
    tapunit.main()
