"""The list of checks is cheap to read, and complete."""

import subprocess
import sys

from assay.checks import CHECK_NAMES
from assay.checks.catalogue import CHECKS


def test_every_named_check_exists_under_its_name():
    assert set(CHECKS) == CHECK_NAMES
    assert all(check.name == name for name, check in CHECKS.items())


def test_the_server_can_name_checks_and_read_junit_without_their_libraries():
    program = (
        "import sys; sys.modules.update(dict.fromkeys(['numpy', 'polars', 'pyarrow', 'sklearn'])); "
        "from assay.checks import CHECK_NAMES; from assay.checks.unit_tests import parse_junit; "
        "print(len(CHECK_NAMES), parse_junit(b'<testsuite/>')['tests'])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.stdout.split(), done.stderr) == (["7", "0"], "")
