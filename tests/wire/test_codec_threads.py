"""Many threads may read the same class for the first time at once."""

import subprocess
import sys
import textwrap

import pytest

# In a process of its own: what this is about crashes it.
PROGRAM = textwrap.dedent("""
    import json, sys, threading
    from dataclasses import make_dataclass
    from assay.wire.codec import convert_strict, decode

    sys.setswitchinterval(1e-6)
    def convert(content, kind):
        return convert_strict(json.loads(content), kind)

    read = {"decode": decode, "convert": convert}[sys.argv[1]]
    content = json.dumps({f"f{i}": {f"f{j}": 1 for j in range(30)} for i in range(5)})
    for _ in range(40):
        inner = make_dataclass("Inner", [(f"f{i}", "int") for i in range(30)])
        outer = [make_dataclass(f"Outer{n}", [(f"f{i}", inner) for i in range(5)]) for n in range(4)]
        start, right = threading.Barrier(8), []

        def go(number):
            start.wait()
            right.append(read(content, outer[number % 4]).f4.f29 == 1)

        threads = [threading.Thread(target=go, args=(number,)) for number in range(8)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        assert right == [True] * 8
""")


@pytest.mark.parametrize("how", ["decode", "convert"])
def test_a_class_is_read_for_the_first_time_by_many_threads(how):
    done = subprocess.run([sys.executable, "-c", PROGRAM, how], capture_output=True, text=True, check=False)
    assert done.returncode == 0, (done.returncode, done.stderr)
