"""The desk's logic: pure functions of the log.

Every operator is settings + state + step. A step reads the slice, adds what it concludes, and touches no clock, no file, no network
and no other operator's state. What it adds does not depend on where the log was cut into slices: accumulators run in order,
windows close on event time, ties break by symbol id, which is the order of first appearance on the log.
"""

import os

# Kernels compiled for AVX-512 crashed on some machines (segmentation fault inside numba's code); a plain target cured it.
# Must be set before numba is imported anywhere.
os.environ.setdefault("NUMBA_CPU_NAME", "haswell" if os.uname().machine == "x86_64" else "generic")
os.environ.setdefault("NUMBA_CPU_FEATURES", "")
# Matrices here are small: beside other work a second thread of the linear algebra waits longer for a core than it saves.
# Counts where this is imported before numpy, as in the desk; results are the same with any number.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
