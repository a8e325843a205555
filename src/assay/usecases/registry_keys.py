"""The registry's own keys: which they are is noted in its database, so that no server uses others.

Two servers with keys of their own would both work, and each make what the other cannot use: secrets that
one cannot open, heads of the audit log that the other refuses to go on from. So the first server that
starts notes fingerprints of the keys that it has, and makes those that nobody has yet; every other one
must have the same.
"""

from typing import Final, Protocol

from assay.core.checkpoints import LogKey, signature_problem
from assay.core.errors import UnavailableError
from assay.core.ports import Records
from assay.usecases.means import Means

SEAL: Final = "seal"
AUDIT: Final = "audit"
LOST: Final = ""
_LOOKED_AT: Final = 100
_FILES: Final = {SEAL: "seal.key", AUDIT: "audit.key"}
_HINTS: Final = {
    SEAL: "copy seal.key from the data folder of a server that has it, or seal.key-... from a backup",
    AUDIT: "copy audit.key from the data folder of a server that has it, or name the file in audit_key",
}


class _Key(Protocol):
    def fingerprint(self, *, make: bool = False) -> str: ...


def settle_keys(means: Means) -> None:
    """See that this process has the registry's keys; make and note those that the registry has not got.

    Asking again changes nothing.

    Raises:
        UnavailableError: the registry has a key that this process has not got, or cannot read.
    """
    keys: dict[str, _Key] = {SEAL: means.seal, AUDIT: means.signer}
    here = {name: key.fingerprint() for name, key in keys.items()}
    with means.database.read() as records:
        known = {name: records.keys.fingerprint(name) for name in keys}
    if all(known[name] and known[name] == here[name] for name in keys):
        return
    with means.database.write() as records:
        for name, key in keys.items():
            # Looked at, and made, within the transaction: of two servers that begin at once over one data
            # folder, the second finds what the first has made.
            noted, mine = records.keys.fingerprint(name), key.fingerprint()
            _check(means, records, name, noted, mine)
            if not noted:
                records.keys.note(name, mine or key.fingerprint(make=True), means.clock.now())


def forget_keys(means: Means, records: Records) -> None:
    """Note that the keys were lost: those of the server that starts next count from then on."""
    for name in _FILES:
        records.keys.note(name, LOST, means.clock.now())


def _check(means: Means, records: Records, name: str, noted: str | None, here: str) -> None:
    """Let only the key go on that the registry has, or that nothing speaks against.

    Raises:
        UnavailableError: it is another one, or is not here.
    """
    if noted in {LOST, here} or (noted is None and _fits(means, records, name, here)):
        return
    file = _FILES[name]
    words = f"another {file} than the registry" if here else f"no {file}, and the registry has one"
    raise UnavailableError(f"this server has {words}", hint=_HINTS[name])


def _fits(means: Means, records: Records, name: str, here: str) -> bool:
    """Tell whether a key can be the registry's, of whose key nothing was noted."""
    if name == AUDIT:
        newest = records.audit_heads.newest()
        if newest is None:
            return True
        key = LogKey(records.audit_heads.origin(), means.signer.public()) if here else None
        return key is not None and not signature_problem(newest, key, means.signer.verify)
    sealed = [each.sealed_secret for each in records.webhooks.active() if each.is_signed]
    sealed += records.keys.sealed(_LOOKED_AT)
    # One is enough: after the loss of a key some secrets may have been set anew, and others not.
    return not sealed or (bool(here) and any(_opens(means, each) for each in sealed))


def _opens(means: Means, sealed: str) -> bool:
    try:
        means.seal.open(sealed)
    except UnavailableError:
        return False
    return True
