# SPDX-License-Identifier: Apache-2.0
"""Metrics, access lines and what the endpoint saw, over 20,000 requests."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import lib  # noqa: E402
import test_metrics  # noqa: E402


class Numbers(test_metrics.Numbers):
    requests = 20000


if __name__ == "__main__":
    lib.main()
