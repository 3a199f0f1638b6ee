#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The runner of scenarios: what a file may say, what is compared and how, and
that a step that does not go as it should is reported.  No VM is booted: a guest
and a QEMU of a few lines stand in."""
import collections
import os
import re
import sys
import tempfile
import types
import unittest
from unittest import mock

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.join(TOP, 'scripts', 'lib'))
import guest  # noqa: E402  (needs the path above)
import journal  # noqa: E402
import match  # noqa: E402
import play  # noqa: E402
import qapi  # noqa: E402
import scenario  # noqa: E402
import tapunit  # noqa: E402
import vm  # noqa: E402

ROWS = {'one': guest.Row('one', {'DEVICES': '1'}),
        'new': guest.Row('new', {}, guest.Only('7.0+', 'it is new'))}
HEAD = 'title = "t"\nshows = "s"\nvm = "one"\n'
EXPECT = '[[step]]\nexpect.values = { "a.b" = 1 }\n'


def read(text, name='story'):
    """What the reader makes of a file with that text."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, f'{name}.toml')
        with open(path, 'w', encoding='utf-8') as f:
            f.write(text)
        return scenario.read(path, ROWS)


class Files(unittest.TestCase):
    """What a file may say."""

    def refused(self, text, *words, name='story'):
        """It is refused by a message that has these words."""
        with self.assertRaises(scenario.Wrong) as caught:
            read(text, name)
        for word in words:
            self.assertIn(word, str(caught.exception))

    def step(self, text, *words):
        """A file whose second step is that one is refused."""
        self.refused(f'{HEAD}{EXPECT}[[step]]\n{text}\n', 'step 2', *words)

    def test_good(self):
        item = read(HEAD + 'spoils = "because"\ntaint = "W"\n'
                    'console = ["a.*b"]\n[[step]]\nsay = "x"\n'
                    'guest = "open d"\nprocess = "p"\n' + EXPECT)
        self.assertEqual((item.name, item.title, item.row, item.taint,
                          len(item.steps)), ('story', 't', 'one', 1 << 9, 2))
        self.assertEqual(item.steps[0].options, {'process': 'p'})
        self.assertEqual(item.variables, {'DEVICES': '1'})

    def test_own_vm_and_kernels(self):
        item = read('title = "t"\nshows = "s"\nvm = { DEVICES = 2 }\n'
                    'only = { kernel = "debug", reason = "r" }\n' + EXPECT)
        self.assertEqual((item.row, item.variables), ('story',
                                                      {'DEVICES': '2'}))
        self.assertEqual(item.only[0].reason, 'r')
        item = read(HEAD.replace('one', 'new') + EXPECT)
        self.assertEqual(item.only[0].reason, 'it is new')

    def test_head(self):
        self.refused(HEAD + 'tilte = "x"\n' + EXPECT, 'tilte', 'title')
        self.refused(HEAD.replace('one', 'none') + EXPECT, 'none', 'one')
        self.refused('title = "t"\nshows = "s"\n' + EXPECT, '"vm"')
        self.refused('title = "t"\nvm = "one"\n' + EXPECT, '"shows"')
        self.refused('title = 3\nshows = "s"\nvm = "one"\n' + EXPECT,
                     '"title"', 'str')
        self.refused(HEAD.replace('"one"', '{ DEVICE = 1 }') + EXPECT,
                     'DEVICE', 'DEVICES')
        self.refused(HEAD + 'only = { kernel = "debug" }\n' + EXPECT,
                     'reason')
        self.refused(HEAD + 'console = ["("]\n' + EXPECT, 'pattern')
        self.refused(HEAD + 'taint = "W"\n' + EXPECT, 'spoils')
        self.refused(HEAD + 'taint = "q"\nspoils = "x"\n' + EXPECT, 'taint')
        self.refused(HEAD + EXPECT, 'name', name='Story_1')
        self.refused('title = \n', 'story.toml')

    def test_nothing_expected(self):
        self.refused(HEAD + '[[step]]\nguest = "open d"\n', 'expect')

    def test_kinds(self):
        self.step('say = "x"', 'guest, qmp, wait, expect, kill')
        self.step('guest = "a"\nqmp = "b"', 'guest and qmp')
        self.step('gest = "a"', 'none')
        self.step('guest = "a"\nas = "x"', '"as"', 'background')

    def test_guest(self):
        self.step('guest = ""', 'no command')
        self.step('guest = "a\\nb"\nbackground = "x"', 'not 2')
        self.step('guest = "a"\nfails = "EWRONG"', 'EWRONG')
        self.step('guest = "a"\nfails = "EIO"\nbackground = "x"', 'waited')

    def test_qmp(self):
        self.step('qmp = "dmashare-fence-holt"', 'dmashare-fence-hold')
        self.step('qmp = "dmashare-fence-hold"\narguments = { cuont = 1 }',
                  'cuont', 'count', 'timeline')
        self.step('qmp = "dmashare-pci-fault"\narguments = { fault = "x" }',
                  'link-down')
        self.step('qmp = "dmashare-fault-add"\narguments = { rule = { where '
                  '= "job", action = "hang", macth = {} } }', 'macth', 'match')
        self.step('qmp = "dmashare-fault-add"\narguments = { rule = { where '
                  '= "jobs", action = "hang" } }', 'jobs', 'interrupt')
        self.step('qmp = "dmashare-fence-batch"\narguments = { fences = [ { '
                  'timeline = 1, seqno = 1, action = "let" } ] }', 'release')
        # Of QEMU's own commands nothing is known.
        read(HEAD + EXPECT + '[[step]]\nqmp = "stop"\n')

    def test_wait(self):
        self.step('wait.for = 1', 'event, journal, query')
        self.step('wait.event = "DMASHARE_X"', 'DMASHARE_WATCHDOG')
        self.step('wait.event = "DMASHARE_WATCHDOG"\nwait.data = { x = 1 }',
                  'seqno')
        self.step('wait.event = "X"\nwait.result = 1', 'wait.event', 'data')
        self.step('wait.journal = { operaton = "x" }', 'operation')
        self.step('wait.journal = { operation = "x" }', 'job-start')
        self.step('wait.query = "query-dmashare"', 'result')
        self.step('wait.event = "X"\nwait.journal = {}', 'event and journal')
        self.step('wait.background = "x"\nwait.fails = "EWRONG"', 'EWRONG')
        self.step('wait = 1', 'table')

    def test_expect(self):
        self.step('expect.value = 1', 'values, query, journal')
        self.step('expect.values = {}', 'empty')
        self.step('expect.journal = []', 'empty')
        self.step('expect.ledger = { job = 1 }', 'jobs')
        self.step('expect.elapsed = { from = 1, to = 2 }', '"is"')
        self.step('expect.query = "query-dmashare"', 'result')
        self.step('expect.query = "query-dmashare-holdz"\nexpect.result = 1',
                  'query-dmashare-holds')

    def test_every_scenario_of_the_project(self):
        items = scenario.read_all()
        self.assertGreaterEqual(len(items), 30)
        titles = [item.title for item in items]
        self.assertEqual(len(set(titles)), len(titles))
        with open(os.path.join(TOP, 'docs/scenarios.rst'),
                  encoding='utf-8') as f:
            told = re.findall(r'^``([a-z0-9-]+)``$', f.read().split(
                'The scenarios\n')[1], re.M)
        self.assertEqual(sorted(told), [item.name for item in items])


class Schema(unittest.TestCase):
    """What is read of the schema and of the interface's header."""

    def test_schema(self):
        schema = qapi.dmashare()
        self.assertIn('local', schema.enum('DmasharePlacement'))
        self.assertEqual(schema.members('command', 'dmashare-evict')['buffer'],
                         'uint32')
        self.assertEqual(schema.members('command', 'query-dmashare'),
                         {'path': 'str'})

    def test_names(self):
        def name(**entry):
            found = journal.named({'status': 0, 'arg': 0, **entry})
            return found.get('what'), found['outcome']
        self.assertEqual(name(operation='command', arg=5), ('map', 'ok'))
        self.assertEqual(name(operation='command', arg=7 | 11 << 8),
                         ('note-move', 'ok'))
        self.assertEqual(name(operation='job-end', arg=0x41, status=0x30),
                         ('copy', 'timeout'))
        self.assertEqual(name(operation='event', arg=7), ('fatal', 'ok'))
        self.assertEqual(name(operation='pci', arg=1), ('link-down', 'ok'))
        self.assertEqual(name(operation='interrupt', arg=2), (None, 'ok'))


class Matching(unittest.TestCase):
    """What fits and what does not."""

    def check(self, expected, good, bad):
        for came in good:
            match.compare(expected, came)
        for came in bad:
            with self.assertRaises(match.Mismatch, msg=repr(came)):
                match.compare(expected, came)

    def test_values(self):
        self.check(1, [1], [2, '1', True])
        self.check('x', ['x'], ['xy', 1])
        self.check(True, [True], [1, False])
        self.check('EIO', [5, 'EIO'], [6, 'EAGAIN'])
        self.check('10ms', [10000000], [10])

    def test_tables_and_lists(self):
        self.check({'a': {'b': 1}}, [{'a': {'b': 1, 'c': 2}}],
                   [{'a': {}}, {'a': 1}, {}, []])
        self.check([1, {}], [[1, {'x': 1}]], [[1], [1, {}, 2], {}])

    def test_operators(self):
        self.check({'not': 1}, [2, '1'], [1])
        self.check({'at-least': 2, 'at-most': 3}, [2, 3], [1, 4, '2'])
        self.check({'at-least': '1us'}, [1000], [999])
        self.check({'matches': '^a'}, ['ab'], ['ba', 1])
        self.check({'one-of': [1, 'x']}, [1, 'x'], [2])

    def test_where(self):
        with self.assertRaises(match.Mismatch) as caught:
            match.compare({'a': [{'b': 1}]}, {'a': [{'b': 2}]})
        self.assertIn('a.0.b: expected 1, came 2', str(caught.exception))

    def test_references(self):
        values = match.Values()
        values.flat['frame.crc'] = 7
        values.results['q'] = {'list': [{'id': 'x'}], 'n': 3}
        self.assertEqual(values.fill({'a': ['$frame.crc', '$q.list.0.id'],
                                      'b': 'is $q.n!', 'c': 1}),
                         {'a': [7, 'x'], 'b': 'is 3!', 'c': 1})
        for bad in ('$nobody', '$q.list.1', '$q.n.x'):
            with self.assertRaises(match.Unknown):
                values.fill(bad)


class FakeTalk:
    """An actor of a few lines: "print NAME.KEY=VALUE", "fail ENAME", "die",
    and "block", which ends with the next "unblock"."""

    def __init__(self):
        self.said = []
        self.result = None
        self.blocked = []

    def say(self, text):
        ident, command, *words = text.split()
        if command == 'print':
            self.said.append(f'{ident} {words[0]}')
        elif command == 'fail':
            self.said.append(f'{ident} error {words[0]} as it was told')
            return
        elif command in ('die', 'quit'):
            self.result = vm.Result(status=int(command == 'die'),
                                    err=b'it died')
            return
        elif command == '&block':
            self.blocked.append(ident)
            return
        elif command == 'unblock':
            self.said.append(f'{self.blocked.pop()} ok')
        self.said.append(f'{ident} ok')

    def lines(self):
        said, self.said = self.said, []
        return said

    def kill(self):
        self.result = vm.Result(signal=9, status=137)


class FakeMachine:
    """A QEMU whose device did what the test says."""

    def __init__(self):
        self.settings = types.SimpleNamespace(devices=1)
        self.events = collections.deque()
        self.entries = []
        self.counters = dict.fromkeys(
            qapi.dmashare().members('struct', 'DmashareCounters'), 0)
        self.holds = 0
        self.coming = []        # events that come while it listens
        self.arguments = None   # of the last other command

    def talk(self, _argv, _timeout):
        return FakeTalk()

    def listen(self, _seconds):
        if self.coming:
            self.events.append(self.coming.pop(0))

    def qmp(self, command, **arguments):
        if command == 'query-dmashare':
            return [{'counters': dict(self.counters), 'holds': self.holds,
                     'fault-rules': 0, 'fences-pending': 0}]
        if command == 'query-dmashare-journal':
            start = arguments.get('from', 0)
            return {'entries': [dict(e) for e in self.entries[start:]],
                    'next': len(self.entries), 'end': len(self.entries),
                    'lost': 0}
        if command == 'dmashare-evict':
            raise vm.QmpError(command, "Parameter 'buffer' expects a buffer")
        self.arguments = arguments
        return {'hold': 4}


class Playing(unittest.TestCase):
    """Steps, and how they fail."""

    def setUp(self):
        # What waits in vain does not wait for long.
        patch = mock.patch.object(play, 'SOON', 0.2)
        patch.start()
        self.addCleanup(patch.stop)

    def play(self, steps, machine=None, head=HEAD):
        """Play these steps; the machine that saw them."""
        machine = machine or FakeMachine()
        if '[[step]]\nexpect' not in steps:
            steps += ('[[step]]\nexpect.ledger = { jobs = 0 }\n')
        self.playing = play.Play(read(head + steps), machine)
        self.playing.run()
        return machine

    def fails(self, steps, *words, number=1, **kwargs):
        """They fail at that step, and it is told in these words."""
        with self.assertRaises(play.Failed) as caught:
            self.play(steps, **kwargs)
        if number:
            self.assertEqual(caught.exception.step.number, number)
        for word in words:
            self.assertIn(word, caught.exception.what)

    def test_guest(self):
        self.play('[[step]]\nguest = "print a.b=0x10"\n'
                  '[[step]]\nexpect.values = { "a.b" = 16 }\n')
        self.fails('[[step]]\nguest = "print a.b=0x10"\n'
                   '[[step]]\nexpect.values = { "a.b" = 17 }\n',
                   'a.b: expected 17, came 16', number=2)
        self.fails('[[step]]\nexpect.values = { "a.b" = 17 }\n', 'a.b')

    def test_guest_errors(self):
        self.play('[[step]]\nguest = "fail EIO"\nfails = "EIO"\n')
        self.fails('[[step]]\nguest = "fail EIO"\n', 'fail EIO',
                   'expected ok', 'EIO (as it was told)')
        self.fails('[[step]]\nguest = "fail EIO"\nfails = "EPERM"\n',
                   'expected EPERM')
        self.fails('[[step]]\nguest = "print a.b=1"\nfails = "EPERM"\n',
                   'came ok')
        # Of several commands the last one is to fail.
        self.fails('[[step]]\nguest = "fail EIO\\nfail EIO"\nfails = "EIO"\n',
                   'expected ok')
        self.fails('[[step]]\nguest = "die"\n', 'it died')

    def test_background(self):
        block = '[[step]]\nguest = "block"\nbackground = "b"\n'
        unblock = '[[step]]\nguest = "unblock"\n'
        wait = '[[step]]\nwait.background = "b"\n'
        self.play(block + unblock + wait)
        self.fails(block + wait, 'waited', 'block', number=2)
        self.fails(wait, 'nothing called b')
        self.fails(block, 'still busy', 'block', number=0)

    def test_qmp(self):
        machine = self.play('[[step]]\nqmp = "dmashare-fence-hold"\n'
                            'arguments = { count = 1 }\nas = "h"\n[[step]]\n'
                            'expect.values = { "h.hold" = 4 }\n')
        self.assertEqual(machine.arguments, {
            'count': 1, 'path': '/machine/peripheral/dmashare0'})
        evict = '[[step]]\nqmp = "dmashare-evict"\n'
        self.play(evict + 'fails = "expects a buffer"\n')
        self.fails(evict, 'expects a buffer')
        self.fails(evict + 'fails = "nothing"\n', 'expects a buffer')
        self.fails('[[step]]\nqmp = "dmashare-fence-hold"\nfails = "x"\n',
                   'expected an error')

    def test_events(self):
        step = ('[[step]]\nwait.event = "DMASHARE_WATCHDOG"\n'
                'wait.data = { seqno = 2 }\nwait.as = "dog"\n')
        machine = FakeMachine()
        machine.coming = [{'event': 'STOP'},
                          {'event': 'DMASHARE_WATCHDOG', 'data': {'seqno': 1}},
                          {'event': 'DMASHARE_WATCHDOG', 'data': {'seqno': 2}}]
        self.play(step + '[[step]]\nexpect.values = { "dog.seqno" = 2 }\n',
                  machine)
        self.assertEqual(len(machine.events), 2)
        machine.coming = [{'event': 'DMASHARE_WATCHDOG', 'data': {'seqno': 3}}]
        self.fails(step, 'DMASHARE_WATCHDOG', '"seqno": 3', machine=machine)

    @staticmethod
    def entry(**kwargs):
        """Of the journal."""
        return {'operation': 'command', 'actor': 'driver', 'status': 0,
                'arg': 5, 'sequence': 0, 'time': 0, **kwargs}

    def test_journal(self):
        machine = FakeMachine()
        step = ('[[step]]\nexpect.journal = [ { what = "map" }, '
                '{ operation = "job-end", as = "end" } ]\n')

        def happen(machine, *_args):
            machine.entries += [self.entry(), self.entry(arg=6), self.entry(
                operation='job-end', arg=0x41, time=1500)]
        machine.entries = [self.entry(operation='reset')]
        with mock.patch.object(FakeTalk, 'say', autospec=True,
                               side_effect=FakeTalk.say) as say:
            real = say.side_effect

            def saying(talk, text):
                happen(machine)
                real(talk, text)
            say.side_effect = saying
            self.play('[[step]]\nguest = "print a.b=1"\n' + step
                      + '[[step]]\nexpect.elapsed = { from = 500, '
                      'to = "$end.time", is = "1us" }\n', machine)
            wrong = step.replace('map', 'unmap').replace('job-end', 'reset')
            # What was before the scenario does not count.
            self.fails('[[step]]\nguest = "print a.b=1"\n' + wrong,
                       'journal, entry 2', number=2, machine=machine)
            self.fails('[[step]]\nguest = "print a.b=1"\n[[step]]\n'
                       'expect.never = [ { what = "copy" } ]\n', 'must not',
                       number=2, machine=machine)
        self.assertIn('job-end', self.playing.journal_tail())

    def test_ledger_and_query(self):
        self.fails('[[step]]\nexpect.ledger = { jobs = 1 }\n',
                   'ledger', 'jobs', 'came 0')
        self.fails('[[step]]\nexpect.query = "query-dmashare"\n'
                   'expect.result = [ { holds = 1 } ]\n', '0.holds')
        self.fails('[[step]]\nwait.query = "query-dmashare"\n'
                   'wait.result = [ { holds = 1 } ]\n', 'waited', '0.holds')

    def test_kill(self):
        self.play('[[step]]\nprocess = "p"\nguest = "print a.b=1"\n'
                  '[[step]]\nkill = "p"\n')
        self.fails('[[step]]\nkill = "p"\n', 'no process p')

    def test_left_behind(self):
        machine = FakeMachine()
        machine.holds = 1
        steps = '[[step]]\nguest = "print a.b=1"\n'
        self.fails(steps, '1 holds of dmashare0', number=0, machine=machine)
        self.play(steps, machine, HEAD + 'spoils = "so it is"\n')

    def test_taint(self):
        steps = '[[step]]\nguest = "print a.b=1"\n'
        head = HEAD + 'spoils = "x"\ntaint = "W"\n'
        self.fails(steps, 'not tainted', number=0, head=head)
        with mock.patch.object(vm.Result, 'taint', 1 << 9, create=True):
            result = vm.Result

            def tainted(*args, **kwargs):
                return result(*args, **{'taint': 1 << 9, **kwargs})
            with mock.patch.object(vm, 'Result', tainted):
                self.play(steps, head=head)
                self.fails(steps, 'tainted: W', number=0)

    def test_messages(self):
        self.play('[[step]]\nguest = "print a.b=1"\n',
                  head=HEAD + 'console = ["is late"]\n')
        good = '[ 1.2] dmashare 0000:00:10.0: [drm] it is late\r\n[ 2.0] x\n'
        self.playing.messages(good)
        with self.assertRaises(play.Failed) as caught:
            self.playing.messages('[ 2.0] x\n')
        self.assertIn('is late', caught.exception.what)
        with self.assertRaises(play.Failed) as caught:
            self.playing.messages(good + '[ 3.0] dmashare 0000:00:10.0: y\n')
        self.assertIn('nobody expected', caught.exception.what)


if __name__ == '__main__':
    tapunit.main()
