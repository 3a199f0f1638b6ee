#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What `make install` leaves behind serves a program that knows nothing of this
tree: header, library, pkg-config and manual pages agree on what there is."""
import os
import re
import subprocess
import sys
import tempfile
import unittest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
BUILD = os.environ.get('DMASHARE_BUILD') or os.path.join(TOP, 'build')
sys.path.insert(0, os.path.join(TOP, 'tests', 'scripts'))
import tapunit  # noqa: E402  (needs the path above)

PROGRAM = r'''
#include <dmashare.h>
#include <stdio.h>

int main(void)
{
    struct dmashare *ds;

    printf("%08x %d\n", dmashare_crc32c(0, "123456789", 9),
           dmashare_connect("/nowhere/at/all", "x", 0, &ds));
    return 0;
}
'''


def run(*words, **more):
    """What a command prints; it must succeed."""
    return subprocess.run(words, check=True, stdout=subprocess.PIPE,
                          universal_newlines=True, **more).stdout


def read(*path):
    """A file's text."""
    with open(os.path.join(*path), encoding='utf-8') as f:
        return f.read()


class Installed(unittest.TestCase):
    """One installation, looked at from all sides."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix='dmashare-')
        cls.root = cls.folder.name
        environment = dict(os.environ, DESTDIR=cls.root, PREFIX='',
                           DMASHARE_BUILD=BUILD)
        subprocess.run([os.path.join(TOP, 'scripts', 'install')], check=True,
                       env=environment, stdin=subprocess.DEVNULL)
        cls.found = sorted(
            os.path.relpath(os.path.join(where, name), cls.root)
            for where, _, names in os.walk(cls.root) for name in names)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def one(self, end):
        """The one file whose path ends so."""
        found = [path for path in self.found if path.endswith('/' + end)]
        self.assertEqual(len(found), 1, f'{end} in {self.found}')
        return os.path.join(self.root, found[0])

    def functions(self):
        """What the header declares."""
        text = re.sub(r'/\*.*?\*/', '', read(self.one('dmashare.h')),
                      flags=re.S)
        return set(re.findall(r'\b(dmashare_\w+)\(', text))

    def test_files(self):
        names = {os.path.basename(path) for path in self.found}
        self.assertEqual(
            {n for n in names if not n.endswith('.3')},
            {'dmashare', 'dmashare.h', 'dmashare.1', 'libdmashare.pc',
             'libdmashare.so', 'libdmashare.so.1', 'libdmashare.so.1.0.0'})

    def test_symbols(self):
        text = run('nm', '-D', '--defined-only', '--with-symbol-versions',
                   self.one('libdmashare.so.1.0.0'))
        symbols = {line.split()[2] for line in text.splitlines()
                   if line.split()[1] != 'A'}
        self.assertEqual(symbols, {f'{name}@@LIBDMASHARE_1.0'
                                   for name in self.functions()})

    def test_soname(self):
        text = run('readelf', '-d', self.one('libdmashare.so.1.0.0'))
        self.assertIn('Library soname: [libdmashare.so.1]', text)
        needed = set(re.findall(r'NEEDED.*\[(\w+)', text))
        self.assertLessEqual(needed, {'libc', 'ld'})

    def test_manual(self):
        pages = {os.path.basename(path)[:-2] for path in self.found
                 if path.endswith('.3')}
        self.assertEqual(pages, self.functions() | {'libdmashare'})
        for name in self.functions():
            page = read(self.one(name + '.3'))
            self.assertRegex(page, rf'\b{name}\(', name)
            self.assertIn(name, page.split('.SH SYNOPSIS')[0])
        for path in self.found:
            if '/man/' in path:
                said = subprocess.run(
                    ['groff', '-man', '-ww', '-z', '-Tascii',
                     os.path.join(self.root, path)], check=True,
                    stderr=subprocess.PIPE, universal_newlines=True).stderr
                self.assertEqual(said, '', path)

    def test_program(self):
        environment = dict(
            os.environ, PKG_CONFIG_SYSROOT_DIR=self.root,
            PKG_CONFIG_PATH=os.path.dirname(self.one('libdmashare.pc')),
            PKG_CONFIG_ALLOW_SYSTEM_CFLAGS='1',
            PKG_CONFIG_ALLOW_SYSTEM_LIBS='1',
            LD_LIBRARY_PATH=os.path.dirname(self.one('libdmashare.so.1')))
        flags = run('pkg-config', '--cflags', '--libs', 'libdmashare',
                    env=environment).split()
        self.assertEqual([f for f in flags if f.startswith('-l')],
                         ['-ldmashare'])
        for language, standard in (('c', 'c99'), ('c++', 'c++11')):
            program = os.path.join(self.root, 'program')
            try:
                run('gcc', '-x', language, f'-std={standard}', '-Wall',
                    '-Wextra', '-Werror', '-pedantic', '-', '-o', program,
                    *flags, input=PROGRAM, env=environment)
            except subprocess.CalledProcessError:
                # The project needs no compiler of C++.
                self.assertEqual(language, 'c++')
                self.assertNotEqual(subprocess.run(
                    ['gcc', '-x', 'c++', '-', '-o', program], input='',
                    stderr=subprocess.DEVNULL, check=False,
                    universal_newlines=True).returncode, 0)
                continue
            self.assertEqual(run(program, env=environment), 'e3069283 -2\n')

    def test_command(self):
        environment = dict(
            os.environ,
            LD_LIBRARY_PATH=os.path.dirname(self.one('libdmashare.so.1')))
        command = self.one('bin/dmashare')
        self.assertRegex(run(command, '--version', env=environment),
                         r'^dmashare \d')
        help_text = run(command, '--help', env=environment)
        page = read(self.one('dmashare.1'))
        for name in re.findall(r'^  (\w+) ', help_text, flags=re.M):
            self.assertRegex(page, rf'\n\.BR? "?{name} ', name)


if __name__ == '__main__':
    tapunit.main()
