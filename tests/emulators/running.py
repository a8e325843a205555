"""Emulators of object stores: started when first needed, on free ports, and ended with the process.

What the tests start finds them by the providers' own environment variables, which name them from then on.
"""

import atexit
import base64
import hashlib
import hmac
import importlib.util
import json
import os
import socket
import subprocess
import sys
import time
from email.utils import formatdate
from pathlib import Path

import httpx

HERE = Path(__file__).parent
TOOL = HERE.parents[1] / "tools" / "emulators.py"
BUCKET = "assay-tests"
# Azurite's account, known to everybody (its documentation, "Default Storage Account").
AZURE_ACCOUNT = "devstoreaccount1"
AZURE_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
_spec = importlib.util.spec_from_file_location("emulators", TOOL)
made = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(made)


def s3():
    """Start the emulator of S3, once."""
    if "ASSAY_TESTS_S3" in os.environ:
        return
    port = _free_port()
    _start([*made.moto(), "-H", "127.0.0.1", "-p", str(port)], port)
    url = f"http://127.0.0.1:{port}"
    os.environ |= {
        "ASSAY_TESTS_S3": url,
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "tester",
        "AWS_SECRET_ACCESS_KEY": "never-to-be-seen",
        "AWS_REGION": "us-east-1",
    }
    httpx.put(f"{url}/{BUCKET}", timeout=60).raise_for_status()


def azure():
    """Start the emulator of Azure Blob Storage, once."""
    if "ASSAY_TESTS_AZURE" in os.environ:
        return
    port = _free_port()
    words = ["--blobHost", "127.0.0.1", "--blobPort", str(port), "--inMemoryPersistence", "--silent"]
    _start([*made.azurite(), *words, "--skipApiVersionCheck", "--disableTelemetry"], port)
    url = f"http://127.0.0.1:{port}/{AZURE_ACCOUNT}"
    os.environ |= {
        "ASSAY_TESTS_AZURE": url,
        "AZURE_STORAGE_ENDPOINT": url,
        "AZURE_STORAGE_ACCOUNT_NAME": AZURE_ACCOUNT,
        "AZURE_STORAGE_ACCOUNT_KEY": AZURE_KEY,
    }
    _make_container(url)


def gcs():
    """Start the emulator of Google Cloud Storage, once."""
    if "ASSAY_TESTS_GCS" in os.environ:
        return
    port = _free_port()
    _start([sys.executable, str(HERE / "gcs.py"), str(port), "a-bearer"], port)
    url = f"http://127.0.0.1:{port}"
    os.environ |= {
        "ASSAY_TESTS_GCS": url,
        "GOOGLE_BASE_URL": url,
        "GOOGLE_BEARER_TOKEN": "a-bearer",
        "GOOGLE_SERVICE_ACCOUNT_KEY": json.dumps(_service_account()),
    }
    headers = {"Authorization": "Bearer a-bearer"}
    httpx.put(f"{url}/{BUCKET}", headers=headers, timeout=60).raise_for_status()


def _service_account():
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    text = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return {
        "type": "service_account",
        "private_key": text.decode(),
        "private_key_id": "1",
        "client_email": "tester@example.org",
        "client_id": "1",
    }


def _make_container(url):
    """Sign by the account's key (Azure's page "Authorize with Shared Key")."""
    at = formatdate(usegmt=True)
    path = f"/{AZURE_ACCOUNT}/{AZURE_ACCOUNT}/{BUCKET}"
    said = f"PUT\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:{at}\nx-ms-version:2021-08-06\n{path}\nrestype:container"
    signed = hmac.new(base64.b64decode(AZURE_KEY), said.encode(), hashlib.sha256).digest()
    headers = {
        "x-ms-date": at,
        "x-ms-version": "2021-08-06",
        "Authorization": f"SharedKey {AZURE_ACCOUNT}:{base64.b64encode(signed).decode()}",
    }
    httpx.put(f"{url}/{BUCKET}?restype=container", headers=headers, timeout=60).raise_for_status()


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _start(command, port):
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    atexit.register(_end, process)
    for _ in range(1200):
        assert process.poll() is None, f"{command[0]} ended with {process.returncode}"
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)  # a poll, bounded above
        else:
            return
    raise AssertionError(f"{command} did not come up")


def _end(process):
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
