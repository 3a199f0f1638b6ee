# SPDX-License-Identifier: GPL-2.0-or-later
"""Python's unittest, reporting TAP when the program is called with --tap."""
import sys
import unittest


class TapResult(unittest.TestResult):
    """One line a case, as it ends."""

    def __init__(self, stream):
        super().__init__()
        self.stream = stream
        self.count = 0

    def line(self, word, case, directive=''):
        """Write a result line."""
        self.count += 1
        name = case.id().split('.', 1)[-1]
        self.stream.write(f'{word} {self.count} {name}{directive}\n')
        self.stream.flush()

    def failed(self, case, error):
        """Write what went wrong, then the result."""
        for line in self._exc_info_to_string(error, case).splitlines():
            self.stream.write(f'# {line}\n')
        self.line('not ok', case)

    def addSuccess(self, test):
        super().addSuccess(test)
        self.line('ok', test)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.failed(test, err)

    def addError(self, test, err):
        super().addError(test, err)
        self.failed(test, err)

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err:
            self.failed(subtest, err)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.line('ok', test, f' # SKIP {reason}')


def main():
    """In place of unittest.main()."""
    if '--tap' not in sys.argv:
        unittest.main(module='__main__')
    suite = unittest.defaultTestLoader.loadTestsFromModule(
        sys.modules['__main__'])
    result = TapResult(sys.stdout)
    print('TAP version 13')
    suite.run(result)
    print(f'1..{result.count}')
    sys.exit(0 if result.wasSuccessful() else 1)
