# SPDX-License-Identifier: GPL-2.0-or-later
"""Read a guest's console as its kernel wrote it, and find what went wrong.

A "splat" is any report by which the kernel says that it found itself broken: a
warning, an oops, a lock order, a leak, a DMA that the IOMMU refused. One is
enough to fail the program that ran at the time. Programs are told apart by
marks in the kernel log, which the guest agent writes:

    dmashare-test: begin PROGRAM
    dmashare-test: end PROGRAM ...

A test that provokes IOMMU faults says so, through /dev/kmsg, around them:

    dmashare-test: expect-dmar begin
    dmashare-test: expect-dmar end

Faults between the two are not held against it; that none came is, unless the
kernel could not have said so: it prints no more than ten lines about faults in
five seconds.
"""
import dataclasses
import re

# [    1.234567] or, with CONFIG_PRINTK_CALLER, [    1.234567][   T12]
STAMP = re.compile(r'^(?:<\d+>)?\[\s*(\d+\.\d+)\](?:\[\s*[TC]\d+\])?\s?')
ESCAPE = re.compile(r'\x1b\[[0-9;?]*[a-zA-Z]|\x1bc')
MARK = re.compile(r'dmashare-test: (begin|end|expect-dmar) (\S+)')

SPLATS = [(kind, re.compile(pattern)) for kind, pattern in (
    # What names its own kind comes before what is general.
    ('KASAN', r'BUG: KASAN'),
    ('KFENCE', r'BUG: KFENCE'),
    ('KCSAN', r'BUG: KCSAN'),
    ('lockdep', r'possible (?:circular|recursive|irq lock inversion)'
                r'|inconsistent lock state|possible deadlock'
                r'|\bunsafe lock order detected|bad unlock balance'
                r'|trying to register non-static key|held lock freed'
                r'|lock held when returning to user space'
                r'|Invalid wait context|DEBUG_LOCKS_WARN_ON'
                r'|still has locks held|-(?:READ|WRITE)-lock-order'
                r'|possible irq lock inversion|process \S+ still holds'),
    ('RCU usage', r'suspicious RCU usage'),
    ('RCU stall', r'rcu: INFO:|self-detected stall|detected stalls'
                  r'|detected expedited stalls'),
    ('lockup', r'soft lockup|hard LOCKUP|hard lockup'),
    ('hung task', r'INFO: task .* blocked for more than'
                  r'|INFO: task hung'),
    ('IOMMU fault', r'DMAR:.*(?:fault addr|handling fault status)'
                    r'|(?:page|domain|unknown) fault from EP \d+'),
    ('DMA-API', r'DMA-API: (?!preallocated|debugging|dma_debug|enable driver)'),
    ('UBSAN', r'UBSAN:'),
    ('refcount', r'refcount_t:'),
    ('list corruption', r'list_(?:add|del|replace)\S* corruption'
                        r'|list_(?:add|del) double'),
    ('slab', r'^BUG (?!:)\S|cache_from_obj|kmem_cache_destroy \S+: Slab'
             r'|Objects remaining in|bad freepointer|Poison overwritten'),
    ('kmemleak', r'kmemleak: \d+ new suspected'),
    ('object debugging', r'ODEBUG:'),
    ('page state', r'BUG: Bad (?:page|rss)|Bad page state|Bad page map'),
    ('atomic context', r'sleeping function called from invalid context'
                       r'|scheduling while atomic'),
    ('lost interrupt', r'irq \d+: nobody cared'),
    ('memory', r'Out of memory:|invoked oom-killer|page allocation failure'),
    ('oops', r'\bOops\b|kernel BUG at|general protection fault'
             r'|[Uu]nable to handle kernel|kernel NULL pointer'
             r'|double fault:|stack-protector|stack guard page'
             r'|invalid opcode:|divide error:'),
    ('panic', r'Kernel panic'),
    ('BUG', r'^BUG:|\bkernel BUG\b'),
    ('WARNING', r'^WARNING:|------------\[ cut here \]------------'),
    ('timeout value', r'schedule_timeout: wrong timeout value'),
    ('call trace', r'^\s*Call Trace:'),
)]
IOMMU_FAULT = 'IOMMU fault'

# Reports that a stock kernel makes by itself, of a kind and with a function in
# its trace that leave no doubt.  They are told of and held against nobody.
KNOWN = (
    ('timeout value', re.compile(r'^\s*vivid_thread_\w+\+', re.M),
     'vivid computes a negative wait when the machine is too slow for its '
     'frame rate'),
    ('lockdep', re.compile(r'acquire lock:\n\S+ \(&ctrl->reset_lock\).*\n\s*\n'
                           r'.*holding lock:\n\S+ \(pci_rescan_remove_lock\)'),
     'the PCI Express hot-plug driver takes its reset lock inside of a lock '
     'that it also takes inside of that one'),
)
# The kernel's rate limit takes two or three of its ten for each fault told.
FAULT_WINDOW = 6.0
FAULT_BURST = 5

# A report ends at one of these, at a mark, or when it is longer than this.
REPORT_END = re.compile(r'^---\[ end |^={20,}\s*$')
# ... and one that is a bare stack dump at the end of the stack.
DUMPS = ('timeout value', 'call trace')
DUMP_END = re.compile(r'^\s*</TASK>')
REPORT_LINES = 70
BEFORE_LINES = 4
EXCERPT_LINES = 60

TAINTS = {
    0: 'P (proprietary module)', 1: 'F (module forced in)',
    2: 'S (CPU out of specification)', 3: 'R (module forced out)',
    4: 'M (machine check)', 5: 'B (bad page)', 6: 'U (asked for by a user)',
    7: 'D (oops)', 8: 'A (ACPI table)', 9: 'W (warning)',
    10: 'C (staging driver)', 11: 'I (firmware bug)',
    12: 'O (out-of-tree module)', 13: 'E (unsigned module)',
    14: 'L (lockup)', 15: 'K (live patch)', 16: 'X (auxiliary)',
    17: 'T (randomised structures)', 18: 'N (in-kernel test)'}
# What an unsigned module from outside the kernel's tree always sets.
TAINT_ALLOWED = 1 << 12 | 1 << 13


@dataclasses.dataclass
class Finding:
    """One splat (or a missing expected fault)."""
    kind: str
    program: str        # the program that ran, '' between programs
    line: str
    excerpt: str

    def summary(self):
        """One line for a person."""
        if self.line.startswith(self.kind):
            return self.line
        return f'{self.kind}: {self.line}'


def bad_taint(value, allowed=0):
    """The reasons in a taint value that are not allowed, as text, or ''.
    `allowed` are bits that are, besides those of any module of ours."""
    return ', '.join(TAINTS.get(bit, f'bit {bit}') for bit in range(64)
                     if value & ~TAINT_ALLOWED & ~allowed & (1 << bit))


class Checker:
    """Takes the console line by line.  `findings` grows as reports end, and
    `known` by those of the KNOWN kind: (finding, explanation)."""

    def __init__(self):
        self.findings = []
        self.known = []
        self.finding = None         # the report being collected ...
        self.recent = []
        self.program = ''
        self.ended = 0              # programs whose end was marked
        self.report = None          # ... and its lines
        self.left = 0
        self.expecting = False
        self.expected = 0
        self.faults = []            # times of the faults told of
        self.now = 0.0
        self.partial = b''

    def feed_bytes(self, data):
        """Take a piece of console, keeping an unfinished line for later."""
        *lines, self.partial = (self.partial + data).split(b'\n')
        for line in lines:
            self.feed(line.decode(errors='replace'))

    def feed(self, raw):
        """Take one line."""
        raw = ESCAPE.sub('', raw.rstrip('\r\n'))
        line = raw
        if stamp := STAMP.match(raw):
            self.now = float(stamp[1])
            line = raw[stamp.end():]
        if mark := MARK.search(line):
            self._mark(*mark.groups())
        else:
            kind = self._kind(line)
            if kind == IOMMU_FAULT:
                self.faults.append(self.now)
            if kind == IOMMU_FAULT and self.expecting:
                self.expected += 1
            elif self.report is not None:
                self._continue(raw, line)
            elif kind:
                self._begin(kind, raw, line)
        self.recent.append(raw)
        del self.recent[:-BEFORE_LINES]

    def finish(self):
        """The end of the console."""
        if self.partial:
            self.feed(self.partial.decode(errors='replace'))
            self.partial = b''
        self._close()
        return self.findings

    @staticmethod
    def _kind(line):
        for kind, pattern in SPLATS:
            if pattern.search(line):
                return kind
        return None

    def _begin(self, kind, raw, line):
        self.finding = Finding(kind, self.program, line.strip(), '')
        self.report = self.recent + [raw]
        self.left = REPORT_LINES

    def _continue(self, raw, line):
        self.report.append(raw)
        self.left -= 1
        finding = self.finding
        # "cut here" opens a report whose next line says what it is.
        if 'cut here' in finding.line and 'cut here' not in line:
            kind = self._kind(line)
            if kind:
                finding.kind = kind
            finding.line = line.strip()
        if finding.kind in DUMPS:
            if DUMP_END.match(line):
                self._close()
                return
            kind = self._kind(line)
            if kind and kind not in DUMPS:
                # Something worse began before the stack came to its end.
                self._close()
                self._begin(kind, raw, line)
                return
        if self.left <= 0 or (REPORT_END.match(line)
                              and len(self.report) > BEFORE_LINES + 4):
            self._close()

    def _close(self):
        if self.report is None:
            return
        finding, report = self.finding, self.report
        self.finding = self.report = None
        finding.excerpt = '\n'.join(report[:EXCERPT_LINES])
        text = '\n'.join(STAMP.sub('', line) for line in report)
        for kind, trace, why in KNOWN:
            if finding.kind == kind and trace.search(text):
                self.known.append((finding, why))
                return
        self.findings.append(finding)

    def _mark(self, what, word):
        self._close()
        if what == 'begin':
            self.program = word
            self.expecting = False
        elif what == 'end':
            if self.expecting:
                self._missing('the program ended inside "expect-dmar"')
            self.program = ''
            self.ended += 1
            self.expecting = False
        elif word == 'begin':
            self.expecting, self.expected = True, 0
        elif self.expecting:
            self.expecting = False
            if not self.expected and not self._rate_limited():
                self._missing('an IOMMU fault was expected and none came')

    def _rate_limited(self):
        self.faults = [t for t in self.faults if t > self.now - FAULT_WINDOW]
        return len(self.faults) >= FAULT_BURST

    def _missing(self, why):
        self.findings.append(Finding('expected fault', self.program, why,
                                     '\n'.join(self.recent)))


def read(text):
    """A checker that has seen a whole console."""
    checker = Checker()
    checker.feed_bytes(text.encode() if isinstance(text, str) else text)
    checker.finish()
    return checker


def check(text):
    """The findings in a whole console."""
    return read(text).findings
