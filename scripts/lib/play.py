# SPDX-License-Identifier: GPL-2.0-or-later
"""One scenario in a VM that is up: its steps, one after the other.

    Play(item, machine).run()

returns normally when everything was as expected, and raises Failed, which
knows the step, what was expected and what came instead.
"""
import re
import time

import console as console_reader
import journal
import match
import vm

ACTOR = '/usr/lib/dmashare/act'
# How long anything that should happen soon may take on a slow machine.
SOON = 60.0
# Between two looks at what QEMU tells on request alone.
LOOK = 0.02
# The journal is asked for in parts, and the end of it is shown.
PAGE = 10000
TAIL = 12
# What a driver or its bus says is to be announced by the scenario.
MESSAGE = re.compile(r'^(?:dmashare|pcieport) [0-9a-f:.]+: ')
# Counters of query-dmashare that are zero again when all is over.
LIVE = ('live-buffers', 'live-attachments', 'live-mappings')


class Failed(Exception):
    """A scenario that did not go as it says."""

    def __init__(self, what, step=None):
        super().__init__(what)
        self.what = what
        self.step = step


class Command:
    """A command that an actor was given."""

    def __init__(self, line):
        self.line = line
        self.done = False
        self.error = ''             # name of the errno
        self.text = ''              # ... and what the actor says to it


class Actor:
    """A process of the scenario in the guest."""

    def __init__(self, machine, name, values, timeout):
        self.name = name
        self.values = values
        self.talk = machine.talk([ACTOR, name], timeout)
        self.commands = {}

    def give(self, line, beside=False):
        """Have it do something."""
        ident = len(self.commands) + 1
        command = self.commands[ident] = Command(line)
        self.talk.say(f'{ident} {"&" if beside else ""}{line}\n')
        return command

    def hear(self):
        """Take in what it has said meanwhile."""
        for line in self.talk.lines():
            ident, _, text = line.partition(' ')
            command = self.commands.get(int(ident) if ident.isdigit() else 0)
            if command is None:
                raise Failed(f'the process {self.name} said "{line}"')
            if text == 'ok':
                command.done = True
            elif text.startswith('error '):
                command.done = True
                _, command.error, *rest = text.split(' ', 2)
                command.text = ' '.join(rest)
            else:
                name, _, value = text.partition('=')
                self.values.flat[name] = match.number(value)

    @property
    def gone(self):
        """Why it can do nothing any more, or ''."""
        result = self.talk.result
        if result is None:
            return ''
        said = result.err.decode(errors='replace').strip()
        how = result.trouble() or f'ended with status {result.status}'
        return f'the process {self.name} {how}' + (f': {said}' if said else '')


class Play:
    """A scenario under way."""

    def __init__(self, item, machine):
        self.item = item
        self.machine = machine
        self.values = match.Values()
        self.actors = {}
        self.ended = []             # those that were killed
        self.background = {}
        self.started = 0            # how many processes
        self.ledgers = {}           # at the begin, by device
        self.paths = {}
        self.begin = {}             # where the journal was, by device
        self.step = None
        self.over = False           # there is no guest any more
        self.taint = 0

    # -- the frame

    def run(self):
        """All steps, and what must hold afterwards."""
        self._start()
        try:
            for self.step in self.item.steps:
                getattr(self, f'_{self.step.kind}')(self.step)
            self.step = None
            self._end()
        except Failed as failed:
            failed.step = self.step
            raise
        except (match.Mismatch, match.Unknown, vm.QmpError) as failed:
            raise Failed(str(failed), self.step) from failed

    def _start(self):
        self.machine.events.clear()
        for index in range(self.machine.settings.devices):
            self.paths[index] = f'/machine/peripheral/dmashare{index}'
            self.begin[index] = self._journal(index, 'end')
            self.ledgers[index] = self._device(index)['counters']

    def _end(self):
        """Everybody leaves; what is left of them must be nothing."""
        if self.over:
            self.machine.hello = {}         # and it does not listen
            return
        for actor in self.actors.values():
            waiting = [c.line for c in actor.commands.values() if not c.done]
            if waiting:
                raise Failed(f'at the end the process {actor.name} is still '
                             f'busy with "{waiting[0]}"')
            actor.give('quit')
        for actor in [*self.actors.values(), *self.ended]:
            self._until(lambda a=actor: a.talk.result is not None,
                        f'the process {actor.name} to end')
            if actor not in self.ended and actor.talk.result.status:
                raise Failed(actor.gone)
            self.taint |= actor.talk.result.taint
        bad = console_reader.bad_taint(self.taint, self.item.taint)
        if bad:
            raise Failed(f'the kernel is tainted: {bad}')
        if self.item.taint & ~self.taint:
            raise Failed('the kernel is not tainted as it should be, its taint '
                         f'is {self.taint:#x}')
        if not self.item.spoils:
            self._until(lambda: not self._left(), 'nothing to be left behind, '
                        'there is', self._left)

    def _left(self):
        """What is left at the devices."""
        found = []
        for index in self.paths:
            info = self._device(index)
            found += [f'{info["counters"][key]} {key} of dmashare{index}'
                      for key in LIVE if info['counters'][key]]
            found += [f'{info[key]} {key} of dmashare{index}'
                      for key in ('holds', 'fault-rules', 'fences-pending')
                      if info[key]]
        return ', '.join(found)

    def close(self):
        """After a failure: no process stays behind."""
        if self.over:
            self.machine.hello = {}
            return
        for actor in self.actors.values():
            if actor.talk.result is None:
                actor.talk.kill()
        deadline = time.monotonic() + SOON
        while (any(a.talk.result is None for a in self.actors.values())
               and time.monotonic() < deadline):
            self.machine.listen(0.2)

    def messages(self, text):
        """What the driver said: Failed unless it is as announced."""
        lines = [console_reader.STAMP.sub('', line.strip('\r'))
                 for line in console_reader.ESCAPE.sub('', text).split('\n')]
        said = [line for line in lines if MESSAGE.match(line)]
        for pattern in self.item.console:
            if not any(pattern.search(line) for line in said):
                raise Failed(f'the console has no message like '
                             f'"{pattern.pattern}"')
        for line in said:
            if not any(pattern.search(line) for pattern in
                       self.item.console + self.item.console_may):
                raise Failed('the console has a message that nobody expected: '
                             + line)

    # -- waiting

    def _until(self, done, what, came=None, pause=0.5):
        """Listen until something is so."""
        deadline = time.monotonic() + SOON
        while True:
            # What is said in one process may be what another one waits for.
            for actor in [*self.actors.values(), *self.ended]:
                actor.hear()
            if done():
                return
            if time.monotonic() >= deadline:
                raise Failed(f'waited {SOON:.0f} s for {what}'
                             + (f' {came()}' if came else ''))
            self.machine.listen(pause)

    # -- QEMU

    def _device(self, index):
        return self.machine.qmp('query-dmashare', path=self.paths[index])[0]

    def _journal(self, index, what='entries'):
        """The entries since the begin, or where the journal ends."""
        if what == 'end':
            return self.machine.qmp('query-dmashare-journal', limit=1,
                                    path=self.paths[index])['end']
        at, entries = self.begin[index], []
        while True:
            page = self.machine.qmp('query-dmashare-journal', limit=PAGE,
                                    path=self.paths[index], **{'from': at})
            if page['lost']:
                raise Failed(f'the journal of dmashare{index} lost '
                             f'{page["lost"]} entries')
            entries += map(journal.named, page['entries'])
            if page['next'] == page['end']:
                return entries
            at = page['next']

    def _ask(self, command, options):
        """A QMP command with its arguments filled in."""
        arguments = self.values.fill(options.get('arguments', {}))
        if 'dmashare' in command:
            arguments['path'] = self.paths[options.get('device', 0)]
        return self.machine.qmp(command, **arguments)

    # -- the kinds of steps

    def _actor(self, name):
        if name not in self.actors:
            self.actors[name] = Actor(self.machine, name, self.values,
                                      SOON * 10)
            self.started += 1
        return self.actors[name]

    def _finish(self, actor, command):
        """Until the command is done or its process is."""
        self._until(lambda: command.done or actor.talk.result is not None,
                    f'"{command.line}" to end')
        if not command.done:
            raise Failed(f'"{command.line}": {actor.gone}')

    def _outcome(self, command, fails):
        """As it was expected: done, or failed with that errno."""
        expected = self.values.fill(fails) if fails else ''
        if command.error == expected:
            return
        came = f'{command.error} ({command.text})' if command.error else 'ok'
        raise Failed(f'"{command.line}": expected {expected or "ok"}, '
                     f'came {came}')

    def _guest(self, step):
        options = step.options
        actor = self._actor(options.get('process', 'main'))
        lines = [line.strip() for line in step.body.splitlines()
                 if line.strip()]
        if 'background' in options:
            label = options['background']
            if label in self.background:
                raise Failed(f'there is something called {label} in the '
                             'background')
            self.background[label] = actor, actor.give(
                self.values.fill(lines[0]), beside=True)
            return
        for line in lines:
            command = actor.give(self.values.fill(line))
            self._finish(actor, command)
            self._outcome(command, options.get('fails')
                          if line is lines[-1] else None)

    def _qmp(self, step):
        fails = step.options.get('fails')
        try:
            result = self._ask(step.body, step.options)
        except vm.QmpError as refused:
            if fails and re.search(self.values.fill(fails), refused.desc):
                return
            raise
        if fails:
            raise Failed(f'{step.body}: expected an error like "{fails}", came '
                         f'{match.show(result)}')
        if 'as' in step.options:
            self.values.results[step.options['as']] = result

    def _kill(self, step):
        actor = self.actors.pop(step.body, None)
        if actor is None:
            raise Failed(f'there is no process {step.body}')
        actor.talk.kill()
        self.ended.append(actor)
        self.background = {label: pair for label, pair
                           in self.background.items() if pair[0] is not actor}
        self._until(lambda: actor.talk.result is not None,
                    f'the process {step.body} to end')

    def _wait(self, step):
        body = step.body
        if 'event' in body:
            self._wait_event(body)
        elif 'background' in body:
            label = body['background']
            if label not in self.background:
                raise Failed(f'nothing called {label} is in the background')
            actor, command = self.background.pop(label)
            self._finish(actor, command)
            self._outcome(command, body.get('fails'))
        else:
            check = (self._expect_journal if 'journal' in body else
                     self._expect_query)
            if 'journal' in body:
                body = {**body, 'journal': [body['journal']]}
            self._until_no_mismatch(lambda: check(body))

    def _until_no_mismatch(self, check):
        last = []

        def good():
            try:
                check()
            except match.Mismatch as mismatch:
                last[:] = [mismatch]
                return False
            return True
        self._until(good, 'this:', lambda: str(last[0]), LOOK)

    def _wait_event(self, body):
        wanted = self.values.fill(body.get('data', {}))
        events = self.machine.events

        def find():
            for event in events:
                data = event.get('data', {})
                if (event['event'] == body['event']
                        and match.fits(wanted, data)
                        and ('device' not in body or data.get('path') ==
                             self.paths[body['device']])):
                    events.remove(event)
                    self.values.results[body.get('as', 'event')] = data
                    self.over = self.over or event['event'] == 'SHUTDOWN'
                    return True
            return False
        self._until(find, f'the event {body["event"]} {match.show(wanted)};',
                    lambda: 'came: ' + (', '.join(
                        f'{e["event"]} {match.show(e.get("data", {}))}'
                        for e in events) or 'none'))

    def _expect(self, step):
        body = step.body
        # What the processes in the background have said until now counts.
        for actor in self.actors.values():
            actor.hear()
        for about in ('values', 'query', 'journal', 'never', 'ledger',
                      'elapsed'):
            if about in body:
                getattr(self, f'_expect_{about}')(body)

    def _expect_values(self, body):
        for name, expected in body['values'].items():
            match.compare(self.values.fill(expected), self.values.get(name),
                          name)

    def _expect_query(self, body):
        match.compare(self.values.fill(body['result']),
                      self._ask(body['query'], body), body['query'])

    def _expect_journal(self, body):
        """These entries, in this order; others may be between them."""
        entries = iter(self._journal(body.get('device', 0)))
        for number, wanted in enumerate(body['journal'], 1):
            wanted = dict(wanted)
            name = wanted.pop('as', None)
            wanted = self.values.fill(wanted)
            for entry in entries:
                if match.fits(wanted, entry):
                    break
            else:
                raise match.Mismatch(wanted, 'no such entry',
                                     f'journal, entry {number}')
            if name:
                self.values.results[name] = entry

    def _expect_never(self, body):
        entries = self._journal(body.get('device', 0))
        for wanted in body['never']:
            wanted = self.values.fill(wanted)
            for entry in entries:
                if match.fits(wanted, entry):
                    raise Failed('the journal has what it must not have: '
                                 + match.show(entry))

    def _expect_ledger(self, body):
        index = body.get('device', 0)
        now = self._device(index)['counters']
        before = self.ledgers[index]
        match.compare(self.values.fill(body['ledger']),
                      {key: now[key] - before[key] for key in now}, 'ledger')

    def _expect_elapsed(self, body):
        elapsed = self.values.fill(body['elapsed'])
        match.compare(elapsed['is'], elapsed['to'] - elapsed['from'],
                      'elapsed')

    # -- for whoever reads of a failure

    def journal_tail(self):
        """The last entries of every device, one a line."""
        lines = []
        for index in self.paths:
            lines.append(f'-- journal of dmashare{index}:')
            try:
                entries = self._journal(index)
            except (vm.VmError, Failed) as error:
                lines.append(f'(none: {error})')
                continue
            lines += [journal.line(entry) for entry in entries[-TAIL:]]
        return '\n'.join(lines)
