"""Machine code and bytecode: named, so that a person sees at once what was uploaded."""

from typing import Final

from assay.formats.sample import CODE, Concern, Recognition, Sample

_MAGIC: Final = (
    (b"\x7fELF", "elf"),
    (b"MZ", "windows-executable"),
    (b"\xca\xfe\xba\xbe", "java-class-or-mach-o"),
    (b"\xcf\xfa\xed\xfe", "mach-o"),
    (b"\xfe\xed\xfa\xcf", "mach-o"),
    (b"\x00asm", "webassembly"),
)


def look(sample: Sample) -> Recognition | None:
    """Recognise a program; Python's bytecode ends its two-byte version with a carriage return."""
    name = next((name for magic, name in _MAGIC if sample.head.startswith(magic)), "")
    if (
        not name
        and sample.head[2:4] == b"\r\n"
        and len(sample.head) > 16
        and sample.head[1:2] in b"\x0b\x0c\x0d\x0e\x0f"
    ):
        name = "python-bytecode"
    if not name:
        return None
    return Recognition(name, CODE, "a program", (Concern("program", "critical", f"a program: {name}"),))
