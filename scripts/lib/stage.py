# SPDX-License-Identifier: GPL-2.0-or-later
"""Scenarios in their VMs: rows.Plan with a scenario where a program would be.

Scenarios of one VM follow each other in it as long as they leave it as it was;
those that do not come last, and a fresh VM goes on.
"""
import os
import time

import common
import console
import play
import rows
import tape as tapes
import vm

CONSOLE_TAIL = 15


class Plan(rows.Plan):
    """All scenarios of a run; each is recorded when there are `replays`."""

    def __init__(self, *args, replays=0):
        super().__init__(*args)
        self.replays = replays

    def add(self, name, settings, entries):
        """Those that leave the VM as it was come first."""
        super().add(name, settings, entries)
        self.rows[-1].left.sort(key=lambda item: bool(item.spoils))

    def boot(self, row, number):
        """One VM."""
        return Boot(self, row, number)

    def expected(self, entry, name):
        """What it took the last time; a few seconds at first."""
        return self.times.get(entry.name, 3.0)

    def report(self, item, error, detail, seconds):
        """What came of a scenario: one case."""
        path = os.path.join(self.logs, f'{item.name}.tap')
        log = os.path.join(self.logs, f'{item.name}.log')
        # Of what is long the report shows the end.
        lines = [*detail.splitlines(), *error.splitlines()] if error else []
        with open(log, 'w', encoding='utf-8') as f:
            f.writelines(f'{line}\n' for line in lines)
        with open(path, 'w', encoding='utf-8') as f:
            f.write('TAP version 13\n1..1\n')
            f.writelines(f'# {line}\n' for line in lines)
            f.write(f'{"not ok" if error else "ok"} 1 {item.title}\n')
        rows.results('add', self.group, item.name, path, '--log', log,
                     '--vm', item.row, '--seconds', f'{seconds:.1f}')

    def _report(self, row):
        """Of a VM that nothing is wrong with nobody needs to know."""
        for text, (good, reason, detail) in row.cases.items():
            if not good:
                self.fail(row, f'vm-{row.name}', text.replace(' ', '-'),
                          f'{text}: {reason}', detail)


class Boot(rows.Boot):
    """One VM and the scenarios played in it."""

    def suite_of(self, entry):
        """What its results are called."""
        return entry.name

    def program(self, entry):
        """Play one; True when the VM is spoilt."""
        machine = self.machine
        tape = None
        if self.plan.replays:
            tape = tapes.Tape(machine, self.plan.logs, entry.name)
            tape.start()
        # What came before it, on the console, is not of it.
        before = self.output.news()
        self.splats(self.suite, before)
        started = time.monotonic()
        offset, marks = self.output.offset, self.output.checker.ended
        playing = play.Play(entry, machine)
        error, detail = '', []
        try:
            try:
                playing.run()
            except play.Failed as failed:
                error = self._error(entry, failed)
                detail.append(playing.journal_tail())
                playing.close()
        except vm.VmError as died:
            raise vm.VmError(error or self._error(entry, play.Failed(
                str(died), playing.step)), '\n'.join(
                    [*detail, died.detail])) from died
        found = self._marks(0 if playing.over else marks + playing.started)
        text = self._console(offset)
        if not error:
            try:
                playing.messages(text)
            except play.Failed as failed:
                error = str(failed)
        if found and not error:
            error = found[0].summary()
        if tape:
            tape.stop()
            error = error or tape.replay(self.plan.replays)
        detail += [f'-- the kernel reported:\n{finding.excerpt}'
                   for finding in found]
        detail.append('-- console:\n' + '\n'.join(
            text.splitlines()[-CONSOLE_TAIL:]))
        seconds = time.monotonic() - started
        with self.plan.lock:
            self.plan.times[entry.name] = seconds
        self.plan.report(entry, error, '\n'.join(detail), seconds)
        common.say(f'{self.plan.group}: {entry.name}: '
                   f'{"FAILED: " + error if error else "passed"}, '
                   f'{seconds:.1f} s' + ''.join(
                       f'; {said}' for said in (tape.said if tape else ())))
        return bool(error or entry.spoils or found
                    or console.bad_taint(playing.taint))

    @staticmethod
    def _error(entry, failed):
        """The step, and what was wrong with it."""
        step = failed.step
        if step is None:
            return failed.what
        said = f' ({step.say})' if step.say else ''
        return (f'step {step.number} of {len(entry.steps)}{said}: '
                f'{failed.what}\nthe step: {step}')

    def _marks(self, wanted):
        """The findings, when the console has the end of every process."""
        found = self.output.news()
        deadline = time.monotonic() + rows.MARK_SECONDS
        while (self.output.checker.ended < wanted
               and time.monotonic() < deadline):
            time.sleep(0.05)
            found += self.output.news()
        if self.output.checker.ended < wanted:
            self.fail(self.suite, 'console', 'the console does not have the '
                      'marks of all processes', self.machine.console_tail())
        return found

    def _console(self, offset):
        """What the console has had since."""
        with open(self.machine.console, 'rb') as f:
            f.seek(offset)
            return f.read(self.output.offset - offset).decode(
                errors='replace').replace('\r', '')
