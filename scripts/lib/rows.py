# SPDX-License-Identifier: GPL-2.0-or-later
"""Guest tests in their VMs, several VMs at a time.

    plan = Plan('guest-test', logs, kernel, initramfs)
    plan.add(row, settings, entries)
    plan.run(jobs)

A row of tests/guest/vms is worked on by one VM, or by more where the others
would wait for it and there is more left to do than a boot costs: each takes
the next program that nobody has.
What a program did goes to scripts/results as the suite PROGRAM[@ROW]; the VMs
of a row are a suite of their own, vm-ROW, whose cases hold for all its boots.
"""
import concurrent.futures
import fcntl
import json
import os
import subprocess
import threading
import time

import common
import console
import tap
import vm

# The guest program that looks, before a VM ends, for what was left behind.
EPILOGUE = 'epilogue'
EPILOGUE_ARGUMENTS = []
EPILOGUE_TIMEOUT = 180
# What shares in the guest while clients are hostile.
SHARER = 'producer'
SHARER_BUFFERS = 8
SHARER_TIMEOUT = 7200
SHARER_READY = 120
# How long the console may be behind the program's own channel.
MARK_SECONDS = 20
# Taints that a program brings by its nature: in-kernel tests set their own; the
# kernel marks the fences of sw_sync as able to lock it up (as after a soft
# lockup, which the console would tell of), and so does our driver with those
# that are held for ever.
TAINTED_BY = {'kunit': 1 << 18, 'test-sw-sync': 1 << 14,
              'test-for-ever': 1 << 14}
# What a program is thought to take before it was ever run: this part of its
# timeout.
GUESS = 0.2
MOST_JOBS = 4


def group_name(base, kernel):
    """Where the results of this kernel go: guest-test, guest-test-debug."""
    provided = os.path.join(common.TOP, 'scripts', f'kernel-{kernel.name}')
    if kernel.name == 'debian' or not os.path.exists(provided):
        return base
    return f'{base}-{kernel.name}'


def lock(group, logs):
    """One run at a time: the results have one place; held until closed."""
    os.makedirs(logs, exist_ok=True)
    handle = open(os.path.join(logs, '.lock'), 'w', encoding='ascii')
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        common.say(f'{group}: waiting for another run to end')
        fcntl.flock(handle, fcntl.LOCK_EX)
    return handle


def job_count():
    """How many VMs at a time."""
    given = os.environ.get('JOBS')
    if given and not (given.isdigit() and int(given)):
        common.die(f'JOBS={given} is not a number of VMs')
    return int(given or min(MOST_JOBS, len(os.sched_getaffinity(0)) + 1))


def results(*words):
    """One call of scripts/results."""
    subprocess.run([os.path.join(common.TOP, 'scripts/results'), *words],
                   check=True)


def suite_name(entry, row):
    """test-bo, or test-bo@virtio"""
    return entry.name if row == 'default' else f'{entry.name}@{row}'


class Console:
    """The checker on a console file that still grows."""

    def __init__(self, path):
        self.path = path
        self.offset = 0
        self.checker = console.Checker()
        self.reported = 0
        self.told = 0

    def news(self, last=False):
        """The findings since the last call."""
        try:
            with open(self.path, 'rb') as f:
                f.seek(self.offset)
                data = f.read()
        except OSError:
            data = b''
        self.offset += len(data)
        self.checker.feed_bytes(data)
        if last:
            self.checker.finish()
        found = self.checker.findings[self.reported:]
        self.reported = len(self.checker.findings)
        for finding, why in self.checker.known[self.told:]:
            common.say(f'{finding.program}: not held against it: '
                       f'{finding.line}: {why}')
        self.told = len(self.checker.known)
        return found


class Row:
    """One VM of tests/guest/vms and what is to be done in it."""

    def __init__(self, name, settings, entries):
        self.name = name
        self.settings = settings
        self.left = entries     # the longest first
        self.active = 0         # VMs that work on it
        self.boots = 0
        self.dead = False       # it does not boot
        self.cases = {}         # of vm-NAME: {text: (good, reason, detail)}
        self.seconds = 0.0

    def case(self, good, text, reason='', detail=''):
        """A case of the VM: good when it is in every boot."""
        before = self.cases.get(text)
        if before is None or before[0]:
            self.cases[text] = (good, f'{reason} (boot {self.boots})', detail)


class Plan:
    """All rows of a group."""

    def __init__(self, group, logs, kernel, initramfs, times=None):
        self.group = group
        self.logs = logs
        self.kernel = kernel
        self.initramfs = initramfs
        self.rows = []
        self.jobs = 1
        self.lock = threading.Lock()
        self.boot_seconds = 5.0         # until one was measured
        self.times_file = times or os.path.join(logs, 'times.json')
        try:
            with open(self.times_file, encoding='utf-8') as f:
                self.times = json.load(f)
        except (OSError, ValueError):
            self.times = {}

    def add(self, name, settings, entries):
        """A row and what to run in it."""
        entries = sorted(entries, reverse=True,
                         key=lambda entry: self.expected(entry, name))
        self.rows.append(Row(name, settings, entries))

    def expected(self, entry, name):
        """How many seconds it may take: what it took the last time."""
        return self.times.get(suite_name(entry, name), entry.timeout * GUESS)

    def run(self, jobs):
        """Everything, in at most so many VMs at a time."""
        self.jobs = jobs
        with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
            workers = [pool.submit(self._work) for _ in range(jobs)]
            try:
                for worker in workers:
                    worker.result()
            except BaseException:
                with self.lock:
                    self.rows.clear()
                raise
        for row in self.rows:
            self._report(row)
        os.makedirs(os.path.dirname(self.times_file), exist_ok=True)
        temporary = f'{self.times_file}.{os.getpid()}'
        with open(temporary, 'w', encoding='utf-8') as f:
            json.dump(self.times, f, indent=1, sort_keys=True)
        os.replace(temporary, self.times_file)

    # -- what to do next

    def _choose(self):
        """The row with the most left to do.  One that is worked on already
        gets a VM more where it would be the last to end without, and what is
        left is worth the boot."""
        left = {row.name: sum(self.expected(e, row.name) for e in row.left)
                for row in self.rows}
        fair = sum(left[row.name] + (0 if row.active else self.boot_seconds)
                   for row in self.rows if row.left) / self.jobs
        best, most = None, 0.0
        for row in self.rows:
            mine = left[row.name]
            if not row.left:
                continue
            # Its clients are enough for the host, once.
            if row.active and (int(row.settings.hostile)
                               or mine < 2 * self.boot_seconds
                               or mine / row.active < fair):
                continue
            if mine / (row.active + 1) >= most:
                best, most = row, mine / (row.active + 1)
        return best

    def _work(self):
        while True:
            with self.lock:
                row = self._choose()
                if row is None:
                    return
                row.active += 1
                row.boots += 1
                boot = row.boots
            started = time.monotonic()
            try:
                self.boot(row, boot).run()
            finally:
                with self.lock:
                    row.active -= 1
                    row.seconds += time.monotonic() - started

    def boot(self, row, number):
        """One VM of the row."""
        return Boot(self, row, number)

    def next(self, row):
        """A program of the row that nobody has taken yet, or None."""
        with self.lock:
            return row.left.pop(0) if row.left else None

    # -- what came of it

    def fail(self, row, suite, case, reason, detail=''):
        """A failed case that the program did not report itself."""
        path = os.path.join(self.logs, f'{suite}.{case}.log')
        with open(path, 'w', encoding='utf-8') as f:
            f.write(detail + '\n')
        results('fail', self.group, suite, case, reason, '--log', path,
                '--vm', row.name)

    def _report(self, row):
        suite = f'vm-{row.name}'
        path = os.path.join(self.logs, f'{suite}.tap')
        with open(path, 'w', encoding='utf-8') as f:
            f.write('TAP version 13\n')
            for number, (text, case) in enumerate(row.cases.items(), 1):
                good, reason, detail = case
                if not good:
                    f.writelines(f'# {line}\n' for line in
                                 [reason, *detail.splitlines()])
                f.write(f'{"ok" if good else "not ok"} {number} {text}\n')
            f.write(f'1..{len(row.cases)}\n')
        results('add', self.group, suite, path, '--vm', row.name,
                '--seconds', f'{row.seconds:.1f}')


class Boot:
    """One VM, from its boot to its end."""

    def __init__(self, plan, row, number):
        self.plan = plan
        self.row = row
        suffix = f'-{number}' if number > 1 else ''
        self.suite = f'vm-{row.name}'
        self.machine = vm.Machine(
            row.settings, plan.kernel, plan.initramfs,
            os.path.join(plan.logs, f'vm-{row.name}{suffix}'))
        self.output = Console(self.machine.console)
        self.taints = 0         # that its programs brought, by their nature

    def run(self):
        """Boot and run what is left, until something spoils the guest."""
        row, machine = self.row, self.machine
        running = None
        booted = False
        try:
            started = time.monotonic()
            with machine:
                machine.wait_ready()
                sharer = self.share() if machine.hostile else None
                booted = True
                self.plan.boot_seconds = time.monotonic() - started
                found = self.output.news()
                row.case(not found, 'boots with a clean console')
                self.splats(self.suite, found)
                spoilt = False
                while not spoilt:
                    running = self.plan.next(row)
                    if running is None:
                        break
                    spoilt = self.program(running)
                running = None
                if sharer:
                    self.share_no_more(sharer)
                if not spoilt:
                    self.epilogue()
        except vm.VmError as error:
            suite = self.suite_of(running) if running else self.suite
            self.splats(suite, self.output.news(last=True))
            self.fail(suite, 'guest', f'{error}',
                      f'{error.detail}\nconsole: {machine.console}')
            common.say(f'{self.plan.group}: {suite}: {error}')
            if not booted:
                self.give_up()
            return
        found = self.output.news(last=True)
        status = machine.process.returncode
        row.case(not found and status == 0, 'powers off with a clean console',
                 f'status {status} of QEMU')
        self.splats(self.suite, found)
        if machine.hostile:
            row.case(machine.hostile.good, 'hostile clients find no fault',
                     machine.hostile.said)
            common.say(f'{self.plan.group}: {self.suite}: hostile clients: '
                       + machine.hostile.said)

    def share(self):
        """Have the guest share something, for those who are hostile."""
        sharer = self.machine.talk(
            [SHARER, 'frames=0', f'buffers={SHARER_BUFFERS}'], SHARER_TIMEOUT)
        # Tests look at how many buffers and mappings the device has.  It gets
        # no more once the device has written each, in the second turn.
        self.hear(sharer, b'shared\n')
        sharer.say('go\n')
        self.hear(sharer, b'frame %d ' % (2 * SHARER_BUFFERS))
        return sharer

    def hear(self, sharer, words):
        """Wait until it has said so."""
        deadline = time.monotonic() + SHARER_READY
        while words not in sharer.out:
            if sharer.result or time.monotonic() > deadline:
                raise vm.VmError(f'{SHARER} does not share anything',
                                 sharer.err.decode(errors='replace')[-200:])
            self.machine.listen(1)

    def share_no_more(self, sharer):
        """Its end, which must be a good one."""
        sharer.say('end\n')
        deadline = time.monotonic() + EPILOGUE_TIMEOUT
        while sharer.result is None and time.monotonic() < deadline:
            self.machine.listen(1)
        said = sharer.out.decode(errors='replace').split('\n')
        frames = sum(line.startswith('frame ') for line in said)
        status = sharer.result.status if sharer.result else 'none'
        self.row.case(status == 0 and frames > 0,
                      'shares while clients are hostile',
                      f'{frames} frames, status {status}: '
                      + sharer.err.decode(errors='replace')[-200:])
        common.say(f'{self.plan.group}: {self.suite}: {frames} frames were '
                   'published meanwhile')
        # Its mark must not be taken for that of what runs next.
        if sharer.result:
            self.ended(self.suite)

    def suite_of(self, entry):
        """What its results are called."""
        return suite_name(entry, self.row.name)

    def give_up(self):
        """It did not boot, and would not the next time."""
        self.row.case(False, 'boots with a clean console')
        while (entry := self.plan.next(self.row)) is not None:
            self.fail(self.suite_of(entry), 'run',
                      f'did not run: the VM {self.row.name} did not boot')

    def fail(self, suite, case, reason, detail=''):
        """A failed case that the program did not report itself."""
        self.plan.fail(self.row, suite, case, reason, detail)

    def splats(self, suite, found):
        """Make each finding a failed case."""
        for number, finding in enumerate(found, 1):
            self.fail(suite, 'console' + (f'-{number}' if number > 1 else ''),
                      finding.summary(), finding.excerpt)

    def run_program(self, name, arguments, timeout, said, log):
        """Run one and keep what it says, as it comes: the guest may die."""
        with open(said, 'wb') as out, open(log, 'wb') as err:
            def write(kind, data):
                stream = out if kind == 'out' else err
                stream.write(data)
                stream.flush()
            return self.machine.run([name, *arguments], timeout, write)

    def program(self, entry):
        """Run one test and record it; True when the guest is spoilt."""
        group, row = self.plan.group, self.row
        suite = suite_name(entry, row.name)
        said = os.path.join(self.plan.logs, f'{suite}.ktap')
        log = os.path.join(self.plan.logs, f'{suite}.log')
        where = ('--log', log, '--vm', row.name)
        try:
            result = self.run_program(entry.program, entry.arguments,
                                      entry.timeout, said, log)
        except vm.VmError:
            results('add', group, suite, said, '--status', '1', *where)
            raise
        with self.plan.lock:
            self.plan.times[suite] = result.seconds
        trouble = result.trouble()
        # A death has its own case below; its status would say it twice.
        results('add', group, suite, said, *where,
                '--status', '0' if trouble else str(result.status),
                '--seconds', f'{result.seconds:.1f}')
        found = self.ended(suite)
        if trouble:
            with open(log, encoding='utf-8', errors='replace') as f:
                self.fail(suite, 'exit', f'{entry.program} {trouble}',
                          f.read() + '\n-- console:\n'
                          + self.machine.console_tail())
        self.taints |= TAINTED_BY.get(entry.program, 0)
        taint = console.bad_taint(result.taint, self.taints)
        if taint:
            self.fail(suite, 'taint', f'left the kernel tainted: {taint}',
                      self.machine.console_tail())
        cases = tap.parse(result.out.decode(errors='replace'))
        counts = tap.totals([tap.Suite(suite, cases)])
        common.say('{}: {}: {} passed, {} failed, {} skipped, {:.1f} s'
                   .format(group, suite, *counts, result.seconds)
                   + (f'; {trouble}' if trouble else '')
                   + (f'; {len(found)} on the console' if found else '')
                   + (f'; taint {taint}' if taint else ''))
        return bool(found or taint or result.stuck)

    def ended(self, suite):
        """What the console says of the program that has just ended."""
        before = self.output.checker.ended
        found = self.output.news()
        # A console that is busy with something else is behind.
        deadline = time.monotonic() + MARK_SECONDS
        while (self.output.checker.ended == before
               and time.monotonic() < deadline):
            time.sleep(0.05)
            found += self.output.news()
        if self.output.checker.ended != before + 1:
            # Nothing found on a console that says nothing proves nothing.
            self.fail(suite, 'console', 'the console has no mark of its end: '
                      'is the disk full, or was the log level changed?',
                      self.machine.console_tail())
        self.splats(suite, found)
        return found

    def epilogue(self):
        """What the programs left behind, as cases of the VM."""
        name = os.path.join(self.machine.folder, EPILOGUE)
        result = self.run_program(EPILOGUE, EPILOGUE_ARGUMENTS,
                                  EPILOGUE_TIMEOUT, f'{name}.ktap',
                                  f'{name}.log')
        self.ended(self.suite)
        for case in tap.parse(result.out.decode(errors='replace')):
            if case.outcome != tap.SKIPPED:
                self.row.case(case.outcome == tap.PASSED, case.name,
                              case.reason, case.detail)
        trouble = result.trouble()
        if trouble:
            self.fail(self.suite, EPILOGUE, f'{EPILOGUE} {trouble}',
                      result.err.decode(errors='replace') + '\n-- console:\n'
                      + self.machine.console_tail())
