"""What comes back from the sandbox is hostile until read here: files are taken out and proved.

A column file (assay.core.measuring) from the model process is copied out of its reach first, so that what
was proved is what the check reads; then every array is loaded without pickles and compared with what
the description says.
"""

import json
import os
import re
import shutil
import stat
import zipfile
from pathlib import Path
from typing import Any, Final, NoReturn

import numpy as np

from assay.core.measuring import ModelProblem
from assay.core.signatures import DType

_MEMBER: Final = re.compile(r"(meta|[cm](0|[1-9][0-9]{0,5}))\.npy")
_KINDS: Final = {
    DType.STRING: "U",
    DType.BINARY: "S",
    DType.BOOLEAN: "b",
    DType.DATE: "i",
    DType.DATETIME: "i",
}
_MAX_META_BYTES: Final = 16 * 1024**2


def take_out(source: Path, target: Path, *, limit_bytes: int, what: str) -> Path:
    """Copy a file that the sandbox wrote to where it cannot write.

    Returns:
        ``target``.

    Raises:
        ModelProblem: it is missing, no regular file (a link may point anywhere), or too large.
    """
    try:
        opened = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise ModelProblem(f"the model process left no {what}: {error.strerror}") from error
    try:
        facts = os.fstat(opened)
        if not stat.S_ISREG(facts.st_mode):
            raise ModelProblem(f"the model process left something else than a file as its {what}")
        if facts.st_size > limit_bytes:
            said = f"the model process wrote {facts.st_size} bytes as its {what}; {limit_bytes} are allowed"
            raise ModelProblem(said, limit="file size")
        with target.open("xb") as copy, os.fdopen(os.dup(opened), "rb") as file:
            shutil.copyfileobj(file, copy, 1 << 20)
    finally:
        os.close(opened)
    return target


def prove_column_file(path: Path, *, row_count: int) -> None:
    """Refuse a file that is not exactly a column file of predictions.

    Args:
        path: the file, where the model cannot change it any more.
        row_count: how many rows were asked.

    Raises:
        ModelProblem: it is not one, has another number of rows, or no ``prediction`` first.
    """
    try:
        _prove_members(path)
        with np.load(path, allow_pickle=False) as archive:
            _prove_arrays(archive, row_count)
    except (OSError, ValueError, KeyError, TypeError, EOFError, MemoryError, RecursionError) as error:
        raise ModelProblem(f"the model process answered with a broken file: {error}") from error
    except zipfile.BadZipFile as error:
        raise ModelProblem(f"the model process answered with a broken file: {error}") from error


def row_count_of(path: Path) -> int:
    """Return how many rows a column file of ours has.

    Raises:
        ModelProblem: it is no column file; then the check that made it is at fault.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            return int(json.loads(str(archive["meta"]))["rows"])
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise ModelProblem(f"the features are no column file: {error}") from error


def _refuse(reason: str) -> NoReturn:
    raise ModelProblem(f"the model process answered with a broken file: {reason}")


def _prove_members(path: Path) -> None:
    """Refuse what would unpack to more than it is, before anything is unpacked."""
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
    names = [member.filename for member in members]
    if len(set(names)) != len(names) or not all(map(_MEMBER.fullmatch, names)):
        _refuse("unexpected members")
    if any(member.compress_type != zipfile.ZIP_STORED or member.flag_bits & 1 for member in members):
        _refuse("compressed or encrypted members")
    if any(member.file_size > _MAX_META_BYTES for member in members if member.filename == "meta.npy"):
        _refuse("its description is too long")


def _prove_arrays(archive: Any, row_count: int) -> None:
    meta = archive["meta"]
    if meta.dtype.kind != "U" or meta.shape != ():
        _refuse("its description is not text")
    described = json.loads(str(meta))
    columns = described["columns"]
    if described["rows"] != row_count:
        _refuse(f"{described['rows']!r} rows instead of {row_count}"[:200])
    if not isinstance(columns, list) or not columns or columns[0]["name"] != "prediction":
        _refuse("the first column must be the prediction")
    seen = set()
    for index, column in enumerate(columns):
        name, dtype = column["name"], DType(column["dtype"])
        if not isinstance(name, str) or name in seen:
            _refuse("column names must be texts and unique")
        seen.add(name)
        _prove_array(archive[f"c{index}"], dtype, row_count)
        mask = f"m{index}"
        if mask in archive and (archive[mask].dtype.kind != "b" or len(archive[mask]) != row_count):
            _refuse("a mask must have one boolean a row")


def _prove_array(array: Any, dtype: DType, row_count: int) -> None:
    fits = array.dtype.kind == _KINDS[dtype] if dtype in _KINDS else array.dtype.name == dtype.value
    if not fits:
        _refuse(f"a column is {array.dtype}, not {dtype.value}")
    if array.ndim < 1 or len(array) != row_count:
        _refuse(f"a column has shape {array.shape}, not {row_count} rows")
