"""The service counts texts by clock hour, so a test of a limit or of a sign of fraud has to end in the
hour in which it began."""

import time

HOUR = 3600


def wait_for_time(seconds):
    """Waits for the next hour if fewer than `seconds` of this one are left."""
    left = HOUR - time.time() % HOUR
    if left < seconds:
        time.sleep(left + 1)
