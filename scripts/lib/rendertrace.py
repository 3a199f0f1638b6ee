# SPDX-License-Identifier: GPL-2.0-or-later
"""How long the device and its renderer were busy with a frame, by the trace of
the device.
"""
import collections
import re

EVENTS = ('dmashare_doorbell', 'dmashare_complete', 'dmashare_render_request',
          'dmashare_render_answer')
# Of QEMU, but for the file that it is to go to.
ARGUMENTS = '-msg timestamp=on ' + ' '.join(f'-trace {e}' for e in EVENTS)
QUEUE = 1

_LINE = re.compile(r'.*@(\d+\.\d+):(\w+) (.*)')
_WORD = re.compile(r'(\w+) (\w+)')

# In microseconds: how long the device had a job, and how long of that there
# was a request that the renderer had not answered.
Span = collections.namedtuple('Span', 'device renderer')


def _events(lines):
    """(seconds, event, {name: value})"""
    for line in lines:
        match = _LINE.match(line)
        if match and match[2] in EVENTS:
            yield (float(match[1]), match[2],
                   {k: int(v, 0) for k, v in _WORD.findall(match[3])})


def frames(lines, count, jobs):
    """The Spans of the last COUNT frames, each of so many JOBS of the queue."""
    spans = []
    told = done = unanswered = 0
    device = renderer = before = 0.0
    for when, event, words in _events(lines):
        if told > done:
            device += when - before
            renderer += when - before if unanswered else 0
        before = when
        if event == 'dmashare_render_request':
            unanswered += 1
        elif event == 'dmashare_render_answer':
            unanswered -= 1
        elif words['queue'] != QUEUE:
            continue
        elif event == 'dmashare_doorbell':
            told = words['tail']
        else:
            done = words['index'] + 1
            spans.append((device, renderer))
            device = renderer = 0.0
    spans = spans[len(spans) - count * jobs:]
    return [Span(*(sum(part) * 1e6 for part in zip(*spans[i:i + jobs])))
            for i in range(0, len(spans), jobs)]
