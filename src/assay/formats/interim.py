"""Interim."""

from dataclasses import dataclass, field
import pickletools


@dataclass(slots=True)
class Trace:
    names: set = field(default_factory=set)
    calls: set = field(default_factory=set)
    problem: str = ""
    stream_count: int = 0


def follow(file, size, opcodes=0):
    t = Trace()
    pos = file.tell()
    head = file.read(2)
    file.seek(pos)
    if head[:1] != b"\x80":
        t.problem = "no"
        return t
    try:
        s = []
        for op, arg, _ in pickletools.genops(file):
            if isinstance(arg, str):
                s.append(arg)
            if op.name == "STACK_GLOBAL":
                t.names.add((s[-2], s[-1]))
            if op.name == "GLOBAL":
                t.names.add(tuple(arg.split(" ")))
        t.stream_count = 1
    except Exception as e:
        t.problem = str(e)
    return t
