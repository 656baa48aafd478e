"""`ember bench`: the budgets of the design, each as a ratio against a bare loop in the same run.

Absolute speeds belong to a machine; ratios travel. Every benchmark runs its bare loop and the real thing alternately on the same data and
reports both, the best of its rounds.
"""

import operators  # noqa: F401 - before numpy, so that linear algebra has one thread, as in the desk

