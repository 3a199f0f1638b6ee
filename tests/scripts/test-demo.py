#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""scripts/demo must not be content with a report that is wrong anywhere."""
import contextlib
import copy
import importlib.machinery
import importlib.util
import io
import json
import os
import sys
import tempfile
import unittest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, 'tests', 'scripts'))
sys.path.insert(0, os.path.join(TOP, 'scripts', 'lib'))
import tap  # noqa: E402  (needs the path above)
import tapunit  # noqa: E402

LOADER = importlib.machinery.SourceFileLoader(
    'demo', os.path.join(TOP, 'scripts', 'demo'))
# No compiled file beside the scripts.
sys.dont_write_bytecode = True
demo = importlib.util.module_from_spec(
    importlib.util.spec_from_loader('demo', LOADER))
LOADER.exec_module(demo)


def good():
    """A report with nothing wrong in it."""
    frames = []
    for number in range(demo.FRAMES):
        crc = f'{0x1000 + number:08x}'
        frames.append({'number': number, 'crc_cpu': crc, 'crc_device': crc,
                       'copies': {name: {'crc_cpu': crc, 'crc_device': crc}
                                  for name in demo.IMPORTERS}})
    return {
        'schema': demo.SCHEMA, 'frames': 30, 'crc_mismatches': 0,
        'distinct_frames': 30,
        'importers': ['vgem', 'udmabuf', 'system-heap'],
        'frames_copied': {'vgem': 30, 'udmabuf': 30, 'system-heap': 30},
        'frame_details': frames,
        'poll_before': 'pending', 'poll_after': 'signalled',
        'hold': {'noop_ns': 500, 'poll_ready_ns': 510, 'bytes_right': True},
        'begin_cpu_access': {'blocked': True, 'returned_ns': 505},
        'iommu': 'translating',
        'dma_address': '0xffe00000', 'physical_address': '0x1f000000',
        'fault': {'status': 'FAULT_TRANSLATION', 'errno': 'EFAULT',
                  'address': '0xfff00000', 'expected_address': '0xfff00000',
                  'sync_file_agrees': True, 'recovered': True},
        'ledger': 'equal',
        'ledger_counters': {name: {'device': 7, 'guest': 7}
                            for name in demo.COUNTED},
        'shared': True,
        'share': {
            'path': 'guest', 'published': 30, 'fences_failed': 0,
            'picture': {'bars': 'right', 'frame': 15},
            'crc_guest': '12345678', 'crc_host': '12345678',
            'guest_wrote': {'changed': True, 'messages': 0,
                            'crc_guest': '23456789', 'crc_host': '23456789'},
            'host_wrote': {'seen': True, 'crc_host': '34567890',
                           'crc_device': '34567890'},
            'peer': {'frames': 30, 'crc_mismatches': 0},
            'frames': [{'crc': f'{n:08x}', 'peer': [f'{n:08x}'] * 3}
                       for n in range(30)],
        },
        'render': {'bytes': 1920 * 1080 * 4, 'colours': 100000,
                   'width': 1920, 'height': 1080},
    }


class Report(unittest.TestCase):
    """The judgement."""

    def wrong(self, path, value):
        """With one member set to VALUE (None: gone) it must be refused."""
        report = copy.deepcopy(good())
        place = report
        *way, last = path
        for name in way:
            place = place[name]
        if value is None:
            del place[last]
        else:
            place[last] = value
        self.assertTrue(demo.judge(report), f'{path} = {value!r} passes')

    def test_good(self):
        self.assertEqual(demo.judge(good()), [])

    def test_not_an_object(self):
        self.assertTrue(demo.judge([]))
        self.assertTrue(demo.judge(None))
        self.assertTrue(demo.judge({}))

    def test_every_member_is_needed(self):
        def walk(value, path):
            if isinstance(value, dict):
                for name in value:
                    if name != 'number':
                        yield [*path, name]
                        yield from walk(value[name], [*path, name])
        for path in walk(good(), []):
            if path[:1] == ['frame_details'] and len(path) > 1:
                continue
            with self.subTest(path):
                self.wrong(path, None)

    def test_frames(self):
        self.wrong(['frames'], 29)
        self.wrong(['frames'], '30')
        self.wrong(['crc_mismatches'], 1)
        self.wrong(['crc_mismatches'], False)
        self.wrong(['distinct_frames'], 1)
        self.wrong(['importers'], ['vgem', 'udmabuf'])
        for name in demo.IMPORTERS:
            self.wrong(['frames_copied', name], 29)

    def test_checksums(self):
        self.wrong(['frame_details'], [])
        self.wrong(['frame_details', 3, 'crc_cpu'], '00000000')
        self.wrong(['frame_details', 3, 'crc_device'], None)
        self.wrong(['frame_details', 29, 'crc_device'], 'deadbeef')
        for name in demo.IMPORTERS:
            for side in ('crc_cpu', 'crc_device'):
                self.wrong(['frame_details', 7, 'copies', name, side], '0')
        report = good()
        report['frame_details'][1] = report['frame_details'][0]
        self.assertTrue(demo.judge(report), 'two equal frames pass')

    def test_shared(self):
        self.wrong(['share', 'path'], 'none')
        self.wrong(['share', 'published'], 29)
        self.wrong(['share', 'fences_failed'], 1)
        self.wrong(['share', 'picture', 'bars'], 'pixel 7 is not white')
        self.wrong(['share', 'crc_host'], '12345679')
        self.wrong(['share', 'guest_wrote', 'crc_host'], '00000000')
        self.wrong(['share', 'guest_wrote', 'changed'], False)
        self.wrong(['share', 'guest_wrote', 'messages'], 1)
        self.wrong(['share', 'host_wrote', 'seen'], False)
        self.wrong(['share', 'host_wrote', 'crc_device'], '00000000')
        self.wrong(['share', 'peer', 'frames'], 29)
        self.wrong(['share', 'peer', 'crc_mismatches'], 1)
        self.wrong(['share', 'frames'], [])
        self.wrong(['share', 'frames', 4, 'peer'], ['00000004'] * 2)
        self.wrong(['share', 'frames', 4, 'peer', 1], '00000005')

    def test_rendered(self):
        self.wrong(['render'], None)
        self.wrong(['render', 'wrong'], 'not ok 1')
        self.wrong(['render', 'bytes'], 1920 * 1080)
        self.wrong(['render', 'colours'], 1)
        self.wrong(['render', 'height'], 1088)
        report = good()
        report['render'] = {'skipped': 'built without libvirglrenderer-dev'}
        self.assertEqual(demo.judge(report), [])
        self.wrong(['render'], {'skipped': ''})

    def tap(self, report, *how):
        """What is printed of a run that left such a report."""
        with tempfile.NamedTemporaryFile('w', suffix='.json') as f:
            json.dump(report, f)
            f.flush()
            with contextlib.redirect_stdout(io.StringIO()) as printed:
                demo.tap(demo.outcomes_of(*how, path=f.name))
        return [(case.name, case.outcome, case.reason)
                for case in tap.parse(printed.getvalue())]

    def test_what_was_not_rendered_is_counted(self):
        report = good()
        self.assertEqual(self.tap(report, True),
                         [('demo', tap.PASSED, ''),
                          ('rendered frame', tap.PASSED, '')])
        report['render'] = {'skipped': 'built without it'}
        self.assertEqual(self.tap(report, True),
                         [('demo', tap.PASSED, ''),
                          ('rendered frame', tap.SKIPPED, 'built without it')])
        # Of a run that failed there may be no report, and nothing else counts.
        self.assertEqual([outcome for _, outcome, _ in
                          self.tap(report, False)], [tap.FAILED])

    def test_what_was_recorded_is_counted(self):
        report = good()
        del report['share'], report['render']
        self.assertEqual(self.tap(report, True, True),
                         [('demo', tap.PASSED, ''), ('replay', tap.PASSED, '')])
        self.assertEqual([outcome for _, outcome, _ in
                          self.tap(report, True, False)],
                         [tap.PASSED, tap.FAILED])

    def test_nobody_looks_on_while_it_is_recorded(self):
        report = good()
        report['shared'] = False
        del report['share'], report['render']
        self.assertEqual(demo.judge(report), [])
        self.wrong(['shared'], None)
        self.wrong(['share'], None)

    def test_hold(self):
        self.wrong(['poll_before'], 'signalled')
        self.wrong(['poll_after'], 'pending')
        self.wrong(['hold', 'poll_ready_ns'], 499)
        self.wrong(['hold', 'noop_ns'], 0)
        self.wrong(['hold', 'bytes_right'], False)
        self.wrong(['begin_cpu_access', 'blocked'], False)
        self.wrong(['begin_cpu_access', 'returned_ns'], 499)

    def test_addresses(self):
        self.wrong(['iommu'], 'none')
        self.wrong(['dma_address'], '0x1f000000')
        self.wrong(['physical_address'], '0')
        self.wrong(['physical_address'], '0x')

    def test_fault(self):
        self.wrong(['fault', 'status'], 'OK')
        self.wrong(['fault', 'errno'], 'none')
        self.wrong(['fault', 'recovered'], False)
        self.wrong(['fault', 'recovered'], 1)
        self.wrong(['fault', 'address'], '0x1000')
        self.wrong(['fault', 'sync_file_agrees'], False)

    def test_ledger(self):
        self.wrong(['ledger'], 'different')
        self.wrong(['ledger_counters', 'jobs', 'device'], 6)
        self.wrong(['ledger_counters', 'jobs'], {'device': 0, 'guest': 0})
        self.wrong(['ledger_counters', 'maps', 'guest'], -1)
        self.wrong(['ledger_counters', 'more'], {'device': 1, 'guest': 0})


if __name__ == '__main__':
    tapunit.main()
