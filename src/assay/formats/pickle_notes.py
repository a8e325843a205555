"""What the inert pickle machine saw, and the verdict over it.

``allow_listed`` only when every stream was read to the last byte, every ``(module, name)`` is on the
reviewed list, and nothing was done with it that the reviewed list does not foresee. Whatever the
verdict, a pickle stays code.
"""

import sys
from typing import Any, Final

from assay.formats.pickle_allowed import allows, arguments_fit, extends, restores_from_pair
from assay.formats.pickle_values import Global, Made, Opaque, Table
from assay.formats.sample import Concern, UnparseableError

ALLOW_LISTED: Final = "allow_listed"
FOREIGN: Final = "foreign_globals"
UNPARSEABLE: Final = "unparseable"
MAX_GLOBALS: Final = 5_000
MAX_ODDITIES: Final = 20

# What an attacker needs and a model does not: shells, processes, network, code from text or files,
# foreign libraries, other ways to import and to unpickle.
_DANGEROUS_MODULES: Final = """
    os posix nt subprocess pty sys shutil socket ssl http urllib urllib3 requests httpx ftplib smtplib
    telnetlib webbrowser ctypes _ctypes cffi importlib imp runpy pkgutil pip ensurepip code codeop pdb
    bdb timeit cProfile profile trace doctest idlelib lib2to3 marshal types dill cloudpickle pickle
    _pickle _posixsubprocess multiprocessing asyncio threading _thread signal commands popen2 tempfile
    pathlib glob fileinput zipimport site distutils setuptools logging gc inspect operator _operator
    functools __main__
"""
_DANGEROUS: Final = frozenset(_DANGEROUS_MODULES.split())
_DANGEROUS_FUNCTIONS: Final = """
    eval exec compile open __import__ getattr setattr delattr globals locals vars input breakpoint apply
    execfile exit quit memoryview type classmethod staticmethod property super map filter
"""
_DANGEROUS_BUILTINS: Final = frozenset(_DANGEROUS_FUNCTIONS.split())


class Notes:
    """Everything recorded while reading one file."""

    def __init__(self) -> None:
        """Start empty."""
        self.globals: dict[tuple[str, str], bool] = {}
        self.oddities: list[tuple[str, str]] = []
        self.calls = 0
        self.streams = 0
        self.wrapped_arrays = 0
        self.problem: UnparseableError | None = None

    def name(self, module: str, name: str) -> Global:
        """Record a name that would be imported.

        Raises:
            UnparseableError: there are too many.
        """
        self.globals.setdefault((module, name), allows(module, name))
        if len(self.globals) > MAX_GLOBALS:
            raise UnparseableError("too many names to import", "limit")
        return Global(module, name)

    def odd(self, rule: str, detail: str) -> None:
        """Record something that no reviewed model does."""
        if len(self.oddities) < MAX_ODDITIES:
            self.oddities.append((rule, detail[:300]))

    def call(self, callee: Any, args: Any) -> Made:
        """Record a call and return what stands for its result."""
        self.calls += 1
        if not isinstance(callee, Global):
            self.odd("computed_call", "calls something that was computed, not named")
            return Made(None, None)
        given = args if type(args) is tuple else None
        if allows(*callee.pair) and (given is None or not arguments_fit(callee, given)):
            self.odd("arguments", f"{callee.module}.{callee.name} is called with arguments not foreseen")
        return Made(callee, given)

    def build(self, target: Any, state: Any) -> None:
        """Record that state is attached to an object."""
        if not isinstance(target, Made):
            self.odd("build", f"changes something that it did not make ({kind_of(target)})")
            return
        paired = target.callee is not None and restores_from_pair(*target.callee.pair)
        if type(state) is tuple and len(state) == 2 and state[1] is not None and not paired:
            # Unpicklers set these as attributes one by one, which can even change an object's class.
            self.odd("slot_state", "sets attributes one by one")
        target.state = state
        target.built += 1

    def extend(self, target: Any, kinds: tuple[str, ...]) -> None:
        """Record that elements are put into a container."""
        if isinstance(target, Table | Opaque):
            fits = isinstance(target, Table) if "dict" in kinds else kind_of(target) in kinds
        else:
            fits = isinstance(target, Made) and target.callee is not None and extends(*target.callee.pair)
        if not fits:
            self.odd("extend", f"puts elements into {kind_of(target)}")

    def merge(self, other: "Notes") -> None:
        """Take over what was seen in another stream of the same file."""
        self.globals.update(other.globals)
        self.oddities += other.oddities
        self.calls += other.calls
        self.streams += other.streams
        self.wrapped_arrays += other.wrapped_arrays
        self.problem = self.problem or other.problem

    @property
    def foreign(self) -> tuple[tuple[str, str], ...]:
        """The names that are not on the reviewed list."""
        return tuple(pair for pair, allowed in self.globals.items() if not allowed)

    @property
    def verdict(self) -> str:
        """``allow_listed``, ``foreign_globals`` or ``unparseable``; the worst that holds."""
        if self.foreign or self.oddities:
            return FOREIGN
        return UNPARSEABLE if self.problem is not None or not self.streams else ALLOW_LISTED

    @property
    def telling(self) -> bool:
        """Whether a file without pickle's signature is one all the same: it calls or imports."""
        return self.calls > 0 or any(_importable(*pair) for pair in self.globals)

    def concerns(self) -> tuple[Concern, ...]:
        """Say everything that speaks against the file."""
        found = []
        for module, name in self.foreign[:MAX_ODDITIES]:
            severity = "critical" if _dangerous(module, name) else "high"
            detail = f"{module}.{name} is not on the reviewed list"[:300]
            found.append(Concern("foreign_global", severity, detail))
        found += [Concern(f"pickle_{rule}", "high", detail) for rule, detail in self.oddities]
        if self.problem is not None:
            found.append(Concern(self.problem.rule, "high", f"cannot be read to its end: {self.problem}"))
        return tuple(found)


def kind_of(value: Any) -> str:
    """Name a value of the machine for people."""
    if isinstance(value, Global):
        return f"the name {value.module}.{value.name}"[:200]
    if isinstance(value, Made):
        return f"a result of {value.callee.module}.{value.callee.name}"[:200] if value.callee else "a result"
    if isinstance(value, Opaque):
        return value.kind
    return "dict" if isinstance(value, Table) else type(value).__name__


def _dangerous(module: str, name: str) -> bool:
    root = module.partition(".")[0]
    if root in ("builtins", "__builtin__"):
        return name.partition(".")[0] in _DANGEROUS_BUILTINS
    return root in _DANGEROUS or "." in name


def _importable(module: str, name: str) -> bool:
    parts = [*module.split("."), *name.split(".")]
    known = parts[0] in sys.stdlib_module_names or allows(module, name)
    return known and all(part.isidentifier() for part in parts)
