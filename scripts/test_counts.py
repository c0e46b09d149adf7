"""Prints what a test run came to, from its JUnit file, in one plain line."""

import sys
from xml.etree import ElementTree


def counts(path: str) -> str:
    """`120 passed, 0 failed`, with `, 3 skipped` if any were."""
    passed = failed = skipped = 0
    for suite in ElementTree.parse(path).getroot().iter("testsuite"):
        wrong = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
        left = int(suite.get("skipped", 0))
        failed += wrong
        skipped += left
        passed += int(suite.get("tests", 0)) - wrong - left
    return f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else "")


if __name__ == "__main__":
    print(counts(sys.argv[1]))
