"""Counting what held."""


class Tally:
    def __init__(self):
        self.passed = self.failed = 0

    def check(self, name, got, expected):
        if got == expected:
            self.passed += 1
        else:
            self.failed += 1
            print(f"FAIL {name}\n  got      {got!r}\n  expected {expected!r}", flush=True)

    def close(self):
        print(f"{self.passed} passed, {self.failed} failed", flush=True)
        return 1 if self.failed else 0
