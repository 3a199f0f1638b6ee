# SPDX-License-Identifier: GPL-2.0-or-later
"""Pictures of what `make bench` found, by gnuplot: SVG and PNG.

    draw(results, folder)

One of all ratios beside their goals, and one of each figure that grows.
"""
import os
import shutil
import subprocess

import bench

TERMINALS = (('svg', 'svg size 900,{height} font "sans,12" background "white"'),
             ('png', 'png size 900,{height}'))


def quoted(text):
    """A string of gnuplot's that means nothing else."""
    return '"' + text.replace('\\', '').replace('"', "'") + '"'


def overview(results):
    """(height, script): every ratio in parts of its goal, 1 being the goal;
    what is good is to the left."""
    rows = [(name, entry) for name, entry in results.items()
            if entry.get('goal')]
    script = ['set title "ratio to the goal: left of the line it is met"',
              'set logscale x', 'set xlabel "1 is the goal"',
              'set grid x', 'unset key', f'set yrange [-0.7:{len(rows) - 0.3}]',
              'set arrow from 1,graph 0 to 1,graph 1 nohead lw 2 '
              'lc rgb "#888888"',
              'set lmargin 22']
    tics, data = [], []
    for at, (name, entry) in enumerate(reversed(rows)):
        ratio, goal = entry['ratio'], entry['goal']
        part = {key: max(ratio[key] / goal, 1e-9)
                for key in ('median', 'low', 'high')}
        if entry['op'] == '>=':
            part = {'median': 1 / part['median'], 'low': 1 / part['high'],
                    'high': 1 / part['low']}
        colour = 0x2060a0 if entry['met'] else 0xc03020
        tics.append(f'{quoted(name)} {at}')
        data.append(f'{part["median"]:.6g} {at} {part["low"]:.6g} '
                    f'{part["high"]:.6g} {colour}')
    script += [f'set ytics ({", ".join(tics)})', '$d << EOD', *data, 'EOD',
               'plot $d using 1:2:3:4:5 with xerrorbars pt 7 lw 2 '
               'lc rgb variable']
    return 120 + 28 * len(rows), '\n'.join(script)


def by_count(name, entry):
    """(height, script): what it costs at each count."""
    script = [f'set title {quoted(name)}', 'set logscale xy', 'set grid',
              'set xlabel "count"', f'set ylabel {quoted(entry["unit"])}',
              'set key left top']
    plots = []
    for kind in ('measured', 'floor'):
        counts = bench.by_count(entry, kind)
        if not all(start for starts in counts.values() for start in starts):
            continue
        script.append(f'${kind} << EOD')
        for count, starts in counts.items():
            found = bench.spread(starts)
            script.append(f'{count} {found.median} {found.low} {found.high}')
        script.append('EOD')
        plots.append(f'${kind} using 1:2:3:4 with yerrorlines pt 7 lw 2 '
                     f'title "{kind}"')
    return 480, '\n'.join(script + ['plot ' + ', '.join(plots)])


def pictures(results):
    """{name: (height, script)}"""
    found = {}
    if any(entry.get('goal') for entry in results.values()):
        found['ratios'] = overview(results)
    for name, entry in results.items():
        if 'skipped' not in entry and entry['starts'][0][0]['at'] is not None:
            found[name] = by_count(name, entry)
    return found


def draw(results, folder):
    """The files that were written, or why there are none, as a text."""
    program = shutil.which('gnuplot')
    if not program:
        return ('there is no gnuplot: run sudo scripts/build-deps --bench '
                '(apt-get install gnuplot-nox)')
    written = []
    for name, (height, script) in pictures(results).items():
        words = []
        for kind, terminal in TERMINALS:
            path = os.path.join(folder, f'{name}.{kind}')
            words += ['set terminal ' + terminal.format(height=height),
                      f'set output {quoted(path)}', script, 'unset output',
                      'reset']
            written.append(path)
        done = subprocess.run([program, '-'], input='\n'.join(words) + '\n',
                              stdout=subprocess.DEVNULL, text=True,
                              stderr=subprocess.PIPE, check=False)
        if done.returncode:
            return f'gnuplot failed: {done.stderr.strip()[:300]}'
    return written
