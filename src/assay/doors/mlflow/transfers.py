"""Large files, as MLflow's protocol has them: uploads in parts, and downloads by signed address.

The addresses lead back to this server and carry their own authority, because the client sends no
credentials to them (reference: ``mlflow/store/artifact/http_artifact_repo.py``).
"""

import ntpath
from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import quote, unquote, urlencode

from assay.core.errors import BadInputError, Reason
from assay.core.tracking.files import check_path
from assay.core.tracking.uploads import Signed
from assay.doors.mlflow.artifacts import download
from assay.doors.mlflow.fields import Fields
from assay.doors.mlflow.route import Call, Download, Plain, Route
from assay.http.threads import Work

_API: Final = "2.0/mlflow-artifacts"


def begin(call: Call) -> dict[str, Any]:
    """Begin an upload; every part has an address of its own."""
    count = call.fields.whole("num_parts", 1)
    begun = call.use.uploading.begin(call.caller, _named(call), count if count is not None else 1)
    upload = begun.upload
    credentials = [
        {
            "url": f"{call.address}/api/{_API}/parts/{upload.id}/{number}?{_query(right)}",
            "part_number": number,
            "headers": {},
        }
        for number, right in enumerate(begun.rights, 1)
    ]
    return {"upload_id": upload.id, "credentials": credentials}


def put_part(call: Call, chunks: Iterable[bytes]) -> Plain:
    """Take a part; its entity tag is the digest of its bytes.

    Raises:
        BadInputError: the number of the part is none.
    """
    number = call.path["number"]
    if not number.isdecimal() or len(number) > 6:
        raise BadInputError.of("part_number", "must be a whole number")
    part = call.use.uploading.put_part(call.path["upload_id"], int(number), _right(call.fields), chunks)
    return Plain(headers={"ETag": f'"{part.digest}"'})


def complete(call: Call) -> dict[str, Any]:
    """Put the parts together."""
    named = [
        (each.whole("part_number") or 0, each.text("etag").strip().strip('"'))
        for each in call.fields.objects("parts")
    ]
    call.use.uploading.complete(call.caller, _named(call), call.fields.needed("upload_id"), named)
    return {}


def abort(call: Call) -> dict[str, Any]:
    """Give an upload up."""
    call.use.uploading.abort(call.caller, _named(call), call.fields.needed("upload_id"))
    return {}


def presign(call: Call) -> dict[str, Any]:
    """Give an address from which a file can be fetched for some minutes, in ranges and at once."""
    path = call.path["path"]
    file, right = call.use.uploading.sign_download(call.caller, path)
    direct = call.use.artifacts.address(file) if call.to_store else None
    if direct is not None:
        return {"url": direct, "headers": {}, "file_size": file.size_bytes}
    more = urlencode({"digest": file.digest, "size": file.size_bytes})
    url = f"{call.address}/api/{_API}/signed/{quote(path)}?{_query(right)}&{more}"
    return {"url": url, "headers": {}, "file_size": file.size_bytes}


def get_signed(call: Call) -> Download:
    """Send a file to whoever has its address."""
    size = call.fields.whole("size") or 0
    digest = call.fields.needed("digest")
    file = call.use.uploading.check_download(call.path["path"], digest, size, _right(call.fields))
    return download(call, file)


def _named(call: Call) -> str:
    """Return the name of the whole file: the folder in the address and the name in the body.

    Clients before 3.18 send their local path; the last part of it is the name, whatever separates it.
    """
    sent = call.fields.needed("path")
    name = ntpath.basename(unquote(ntpath.basename(sent)))
    if name in ("", ".", ".."):
        raise BadInputError(f"Invalid path: {sent[:200]}", [Reason("path", "must end in the name of a file")])
    return check_path(f"{call.path['folder']}/{name}")


def _query(right: Signed) -> str:
    return urlencode({"expires": right.expires_s, "key": right.key_id, "signature": right.signature})


def _right(fields: Fields) -> Signed:
    return Signed(fields.whole("expires") or 0, fields.text("key"), fields.text("signature"))


ROUTES: Final = (
    Route("POST", _API + "/mpu/create/{folder:path}", begin, does=Work.LONG),
    Route("POST", _API + "/mpu/complete/{folder:path}", complete, does=Work.LONG),
    Route("POST", _API + "/mpu/abort/{folder:path}", abort, does=Work.LONG),
    Route("PUT", _API + "/parts/{upload_id}/{number}", put_part, ajax=False, public=True, stores=True),
    Route("GET", _API + "/presigned/{path:path}", presign),
    Route("GET", _API + "/signed/{path:path}", get_signed, ajax=False, public=True),
)
