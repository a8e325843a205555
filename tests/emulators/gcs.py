"""Google Cloud Storage on this machine: those calls of its XML API that the provider library makes.

Neither PyPI nor npm has an emulator of that API (those there speak the JSON one). What is here follows
Google's reference pages "XML API" (put-object-upload, post-object-multipart, get-bucket-list, ...) as
``object_store``'s client reads them, and refuses what it does not know. Run as
``python gcs.py PORT TOKEN``.
"""

import base64
import hashlib
import itertools
import re
import sys
import threading
import time
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar
from urllib.parse import parse_qs, unquote, urlsplit
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

LEAST_PART = 5 << 20


class Bucket:
    """Objects by name, and uploads in parts by id."""

    def __init__(self):
        self.objects = {}
        self.uploads = {}
        self.lock = threading.Lock()


class Handler(BaseHTTPRequestHandler):
    """One request after another."""

    protocol_version = "HTTP/1.1"
    buckets: ClassVar[dict] = {}
    token = ""
    numbers = itertools.count(1)

    def log_message(self, *words):
        """Keep still."""

    def parse(self):
        """Take the address apart; say whether it can be answered."""
        parts = urlsplit(self.path)
        self.query = {key: values[0] for key, values in parse_qs(parts.query, keep_blank_values=True).items()}
        bucket, _, key = parts.path.removeprefix("/").partition("/")
        self.bucket, self.key = unquote(bucket), unquote(key)
        self.body = self.rfile.read(int(self.headers.get("content-length", 0)))
        if not self.may():
            self.say(401, xml=_error("AuthenticationRequired"))
            return False
        if self.command == "PUT" and not self.key:
            self.buckets.setdefault(self.bucket, Bucket())
            self.say(200)
            return False
        self.there = self.buckets.get(self.bucket)
        if self.there is None:
            self.say(404, xml=_error("NoSuchBucket"))
            return False
        return True

    def may(self):
        """A bearer's token, or a signed address whose time is not over."""
        if self.headers.get("authorization") == f"Bearer {self.token}":
            return True
        signed = self.query.get("X-Goog-Signature")
        if not signed or self.command != "GET" or "authorization" in self.headers:
            return False
        begun = time.mktime(time.strptime(self.query["X-Goog-Date"], "%Y%m%dT%H%M%SZ")) - time.timezone
        return re.fullmatch("[0-9a-f]{512}", signed) and time.time() < begun + int(
            self.query["X-Goog-Expires"]
        )

    def say(self, status, headers=(), body=b"", xml=""):
        """Answer."""
        body = xml.encode() if xml else body
        self.send_response(status)
        for name, value in dict(headers).items():
            self.send_header(name, value)
        if "content-length" not in dict(headers):
            self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def store(self, content, tag, attributes):
        """Put an object in place, in one step."""
        made = {"content": content, "tag": tag, "at": time.time(), "attributes": attributes}
        made["generation"] = next(self.numbers)
        with self.there.lock:
            if self.headers.get("x-goog-if-generation-match") == "0" and self.key in self.there.objects:
                self.say(412, xml=_error("PreconditionFailed"))
                return None
            self.there.objects[self.key] = made
        return made

    def attributes(self):
        """Return what an object keeps of the headers that it came with."""
        kept = ("content-type", "content-disposition", "cache-control")
        return {name: self.headers[name] for name in kept if name in self.headers}

    def do_PUT(self):
        """Store an object, a part, or a copy."""
        if not self.parse():
            return
        tag = f'"{hashlib.md5(self.body).hexdigest()}"'
        if "uploadId" in self.query:
            upload = self.there.uploads.get(self.query["uploadId"])
            if upload is None or upload["key"] != self.key:
                self.say(404, xml=_error("NoSuchUpload"))
                return
            upload["parts"][int(self.query["partNumber"])] = (tag, self.body)
            self.say(200, {"etag": tag})
            return
        content, attributes = self.body, self.attributes()
        source = self.headers.get("x-goog-copy-source")
        if source is not None:
            bucket, _, key = source.removeprefix("/").partition("/")
            found = self.buckets[unquote(bucket)].objects.get(unquote(key))
            if found is None:
                self.say(404, xml=_error("NoSuchKey"))
                return
            content, tag, attributes = found["content"], found["tag"], found["attributes"]
        made = self.store(content, tag, attributes)
        if made:
            headers = {"etag": tag, "x-goog-generation": made["generation"]}
            shown = f"<CopyObjectResult><ETag>{escape(tag)}</ETag></CopyObjectResult>" if source else ""
            self.say(200, headers, xml=shown)

    def do_POST(self):
        """Begin an upload in parts, or end it."""
        if not self.parse():
            return
        if "uploads" in self.query:
            name = f"upload{next(self.numbers)}"
            self.there.uploads[name] = {"key": self.key, "parts": {}, "attributes": self.attributes()}
            inner = f"<Bucket>{self.bucket}</Bucket><Key>{escape(self.key)}</Key><UploadId>{name}</UploadId>"
            self.say(200, xml=f"<InitiateMultipartUploadResult>{inner}</InitiateMultipartUploadResult>")
            return
        upload = self.there.uploads.get(self.query.get("uploadId", ""))
        if upload is None:
            self.say(404, xml=_error("NoSuchUpload"))
            return
        named = [
            (int(part.findtext("PartNumber")), part.findtext("ETag"))
            for part in ET.fromstring(self.body).iter("Part")
        ]
        parts = [upload["parts"].get(number) for number, _ in named]
        if any(
            part is None or part[0] != tag for part, (_, tag) in zip(parts, named, strict=True)
        ) or named != sorted(named):
            self.say(400, xml=_error("InvalidPart"))
            return
        if any(len(content) < LEAST_PART for _, content in parts[:-1]):
            self.say(400, xml=_error("EntityTooSmall"))
            return
        content = b"".join(content for _, content in parts)
        tag = f'"{base64.b16encode(hashlib.sha1(content).digest()).decode().lower()}-{len(parts)}"'
        del self.there.uploads[self.query["uploadId"]]
        made = self.store(content, tag, upload["attributes"])
        if made:
            inner = f"<ETag>{escape(tag)}</ETag>"
            shown = f"<CompleteMultipartUploadResult>{inner}</CompleteMultipartUploadResult>"
            self.say(200, {"x-goog-generation": made["generation"]}, xml=shown)

    def do_DELETE(self):
        """Remove an object, or give an upload up."""
        if not self.parse():
            return
        place, name = self.there.objects, self.key
        if "uploadId" in self.query:
            place, name = self.there.uploads, self.query["uploadId"]
        self.say(204 if place.pop(name, None) is not None else 404)

    def do_HEAD(self):
        """Show an object."""
        self.do_GET()

    def do_GET(self):
        """Send an object or a part of it, or list the bucket."""
        if not self.parse():
            return
        if not self.key:
            self.list_bucket()
            return
        found = self.there.objects.get(self.key)
        if found is None:
            self.say(404, xml=_error("NoSuchKey"))
            return
        if self.headers.get("if-match", found["tag"]) != found["tag"]:
            self.say(412, xml=_error("PreconditionFailed"))
            return
        content, size, status = found["content"], len(found["content"]), 200
        headers = {
            "etag": found["tag"],
            "last-modified": formatdate(found["at"], usegmt=True),
            "x-goog-generation": found["generation"],
            "accept-ranges": "bytes",
            **found["attributes"],
        }
        match = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("range", ""))
        if match:
            start, stop = int(match[1]), min(int(match[2] or size), size - 1) + 1
            if start >= size:
                self.say(416, xml=_error("InvalidRange"))
                return
            content, status = content[start:stop], 206
            headers["content-range"] = f"bytes {start}-{stop - 1}/{size}"
        headers["content-length"] = str(len(content))
        self.say(status, headers, content)

    def list_bucket(self):
        """List what is in the bucket, a page at a time."""
        prefix, most = self.query.get("prefix", ""), int(self.query.get("max-keys", 1000))
        after = max(self.query.get("start-after", ""), self.query.get("continuation-token", ""))
        with self.there.lock:
            names = sorted(name for name in self.there.objects if name.startswith(prefix) and name > after)
            folders, names = _folded(names, prefix, self.query.get("delimiter", ""))
            listed = [(name, self.there.objects[name]) for name in names[:most]]
        shown = "".join(
            f"<Contents><Key>{escape(name)}</Key><ETag>{escape(each['tag'])}</ETag>"
            f"<Size>{len(each['content'])}</Size>"
            f"<LastModified>{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(each['at']))}.000Z</LastModified>"
            "</Contents>"
            for name, each in listed
        )
        for folder in folders:  # all of them on every page: who lists makes a set of them
            shown += f"<CommonPrefixes><Prefix>{escape(folder)}</Prefix></CommonPrefixes>"
        if len(names) > most:
            shown += f"<NextContinuationToken>{escape(listed[-1][0])}</NextContinuationToken>"
        self.say(200, xml=f"<ListBucketResult>{shown}</ListBucketResult>")


def _folded(names, prefix, delimiter):
    """Return the folders right below a prefix, and the names that are in none of them."""
    if not delimiter:
        return [], names
    cut = {name: prefix + name[len(prefix) :].partition(delimiter)[0] + delimiter for name in names}
    inside = [name for name in names if delimiter in name[len(prefix) :]]
    return sorted({cut[name] for name in inside}), [name for name in names if name not in set(inside)]


def _error(code):
    return f"<Error><Code>{code}</Code><Message>{code}</Message></Error>"


if __name__ == "__main__":
    Handler.token = sys.argv[2]
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
