"""TensorFlow SavedModel (``saved_model.proto``, ``graph.proto``): a program of operators.

Never plain data: the class is effects, and code when an operator is there that reads or writes files,
calls Python or loads libraries. A plain export holds RestoreV2 and SaveV2; exactly these are expected.
"""

from typing import Final

from assay.formats.protobuf import BYTES, VARINT, Messages
from assay.formats.sample import CODE, EFFECTS, Concern, Recognition, Sample, UnparseableError

_DENIED_NAMES: Final = """
    ReadFile WriteFile MatchingFiles WholeFileReader WholeFileReaderV2 TextLineReader TextLineReaderV2
    FixedLengthRecordReader FixedLengthRecordReaderV2 TFRecordReader TFRecordReaderV2 IdentityReader
    IdentityReaderV2 PyFunc PyFuncStateless EagerPyFunc Save SaveSlices Restore RestoreSlice
    MergeV2Checkpoints ShardedFilename TextLineDataset TFRecordDataset FixedLengthRecordDataset
    FixedLengthRecordDatasetV2 SaveDataset SaveDatasetV2 LoadDataset SnapshotDataset SnapshotDatasetV2
    CacheDataset CacheDatasetV2 PrintV2 Print DebugIdentity DebugIdentityV2 DebugNanCount
    DebugNumericSummary DebugNumericSummaryV2 WriteSummary CreateSummaryFileWriter XlaLaunch RemoteCall
    RemoteFusedGraphExecute SqlDataset ExperimentalSqlDataset LMDBReader LMDBDataset
"""
DENIED: Final = frozenset(_DENIED_NAMES.split())
# message -> field number -> message that lies there.
_INSIDE: Final[dict[str, dict[int, str]]] = {
    "saved": {2: "meta"},
    "meta": {2: "graph"},
    "graph": {1: "node", 2: "library"},
    "library": {1: "function"},
    "function": {3: "node"},
    "node": {},
}
_OPERATOR_FIELD: Final = 2


def look(sample: Sample) -> Recognition | None:
    """Recognise a SavedModel message."""
    try:
        fields = list(_head_fields(sample))
    except UnparseableError:
        return None
    if not fields or fields[0] != (1, VARINT, 1) or {number for number, _, _ in fields} != {1, 2}:
        return None
    operators: set[str] = set()
    _walk(Messages(sample), "saved", (0, sample.size_bytes), operators)
    if not operators:
        return None
    denied = sorted(operators & DENIED)
    if denied:
        concern = Concern("file_operator", "critical", f"operators that reach outside: {', '.join(denied)}")
        return Recognition("savedmodel", CODE, concern.detail, (concern,))
    return Recognition("savedmodel", EFFECTS, f"a program of {len(operators)} kinds of operators")


def _head_fields(sample: Sample) -> list[tuple[int, int, int]]:
    found = []
    for each in Messages(sample).fields(0, sample.size_bytes):
        found.append((each.number, each.wire, each.value))
        if len(found) > 64 or (each.number, each.wire) not in ((1, VARINT), (2, BYTES)):
            raise UnparseableError("not a SavedModel")
    return found


def _walk(messages: Messages, kind: str, span: tuple[int, int], operators: set[str]) -> None:
    for each in messages.fields(*span):
        inner = _INSIDE[kind].get(each.number)
        if inner is not None and each.wire == BYTES:
            _walk(messages, inner, (each.start, each.end), operators)
        elif kind == "node" and each.number == _OPERATOR_FIELD:
            operators.add(messages.text(each))
