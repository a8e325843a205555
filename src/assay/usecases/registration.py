"""Registration: models come into being, bytes are stored, versions are frozen."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import BinaryIO

from assay.core.access import Action, Caller, require, require_new
from assay.core.bumps import RequiredBump, next_version, required_bump
from assay.core.ci_runs import CiRun
from assay.core.computed_tags import check_not_own
from assay.core.digests import Digest, FileEntry, Manifest
from assay.core.errors import BadInputError, ConflictError, NotFoundError, Reason
from assay.core.holding import uploader, user
from assay.core.names import MAX_DESCRIPTION_BYTES, ModelName, check_label, check_tag, check_text
from assay.core.outside_names import known_as
from assay.core.ports import Records
from assay.core.prompts import check_text_only
from assay.core.provenance import Code, is_commit
from assay.core.semver import SemVer
from assay.core.versions import FileFormat, Model, Version
from assay.formats import find_entrypoint, recognise_files
from assay.usecases.holding import available, require_upload
from assay.usecases.judging import open_registration
from assay.usecases.means import Act, Means
from assay.usecases.naming import check_taking
from assay.usecases.storing import claim, gone, receive, require_there
from assay.wire.requests import AUTO, NewModel, NewVersion

MAX_TAGS = 1000


@dataclass(frozen=True, slots=True)
class Past:
    """What a version that was registered elsewhere before brings along.

    Attributes:
        number: that it had; it must never have been given here.
        registered_by: whoever registered it there, as far as that is known.
    """

    number: int
    registered_at: datetime
    registered_by: str


# Taken within the transaction in which a version is registered.
Step = Callable[[Act, Version], None]


@dataclass(frozen=True, slots=True)
class Found:
    """What comes with files that the registry found itself; no door takes it from a client.

    Attributes:
        step: what else becomes of a new version before its gates judge: all of it, or nothing.
        past: of one that moves in from elsewhere.
    """

    step: Step
    past: Past | None = None


class Registration:
    """Creates models, stores blobs, registers versions."""

    def __init__(self, means: Means) -> None:
        """Keep the means."""
        self._means = means

    def create_model(self, caller: Caller, wanted: NewModel) -> Model:
        """Create an empty model.

        Raises:
            BadInputError: a text, tag or label breaks a rule.
            ConflictError: the name is taken.
            DeniedError: the caller may not; whether there is such a model is not told.
            RefusedError: the name is kept for another model, or has another policy.
        """
        require_new(caller, wanted.name)
        with self._means.database.write() as records:
            act = Act(records, caller.name, self._means.clock.now(), caller.ci)
            return create_model(act, wanted)

    def store_blob(
        self, caller: Caller, chunks: Iterable[bytes], digest: Digest, size_bytes: int | None
    ) -> tuple[Digest, int]:
        """Store bytes under the digest announced; they belong to nothing until a version names them.

        That the caller has them is noted: to know the digest of somebody else's bytes gives nobody a
        right to them.

        Returns:
            Digest and size in bytes, once durable.

        Raises:
            BadInputError: the bytes have another digest or size; nothing is kept.
            DeniedError: the caller may neither register nor report anywhere.
            UnavailableError: they cannot be stored now.
        """
        require_upload(caller)
        stored, size = self._means.blobs.put(chunks, digest, size_bytes)
        holder, now = uploader(caller.name), self._means.clock.now()
        with self._means.database.read() as records:
            known = records.known_blobs.get(digest)
            noted = digest in records.blob_holders.held([digest], [holder])
        if not noted or known is None or not known.is_fresh(now):
            with self._means.database.write() as records:
                receive(records, self._means.blobs, stored, size, now)
                records.blob_holders.note([digest], holder)
        return stored, size

    def blob_size(self, caller: Caller, digest: Digest) -> int:
        """Return the size of a stored blob, so that a client need not send it again; it stays for a day.

        Raises:
            DeniedError: the caller may not upload.
            NotFoundError: it is not there, or only for others: both look the same.
        """
        require_upload(caller)
        now = self._means.clock.now()
        with self._means.database.read() as records:
            may = available(records, caller, [digest])
            known = records.known_blobs.get(digest) if may else None
        size = self._means.blobs.size(digest) if may else None
        if size is not None and (known is None or not known.is_fresh(now)):
            with self._means.database.write() as records:
                size = size if claim(records, self._means.blobs, [digest], now) else None
        if size is None:
            raise NotFoundError(f"there is no blob {digest}")
        return size

    def register(
        self,
        caller: Caller,
        model: ModelName,
        wanted: NewVersion,
        found: Found | None = None,
    ) -> tuple[Version, bool]:
        """Freeze a version: manifest, digest, formats, signature, provenance, version number.

        Registering exactly what the newest version already is changes nothing and returns that one.

        Args:
            caller: who asks.
            model: created when it is not there yet.
            wanted: the version.
            found: where the registry found the files itself; else the caller must have uploaded them,
                or be able to read what holds them already.

        Returns:
            The version, and whether it is new.

        Raises:
            BadInputError: a rule is broken, or a named blob was not uploaded; all are listed. Or it is
                files, and the model holds prompts.
            RefusedError: the version asked for is a smaller step than the bump law demands, the name of
                the model to create is kept for another one, or a quota does not allow so much more.
            ConflictError: the version asked for exists with other content, or bytes of it were collected
                or found damaged since they were sent.
            DeniedError, NotFoundError: the caller may not.
        """
        require(caller, Action.REGISTER, model)
        wanted = _signed_for(wanted, caller.ci)
        manifest = Manifest(wanted.files)
        check_annotations(wanted.description, wanted.tags, wanted.labels)
        known = self._known(caller, wanted, files=found is None)
        self._check_blobs(manifest, None if found else known)
        formats = self._recognise(manifest)
        entrypoint = _entrypoint(wanted, manifest, formats)
        with self._means.database.write() as records:
            now = self._means.clock.now()
            act = Act(records, caller.name, now, caller.ci)
            there = records.models.get(model)
            if there is None:
                require(caller, Action.CREATE_MODEL, model)
                there = create_model(act, NewModel(model))
            check_text_only(there.tags, wanted.files, wanted.tags, wanted.source.uri)
            newest = records.versions.newest(model)
            if newest is not None and not wanted.repeat and _is_same(newest, manifest, wanted):
                return newest, False
            number, semver, required = _number(records, model, newest, wanted)
            past = (found and found.past) or Past(number, now, caller.name)
            version = Version(
                model=model,
                number=past.number,
                semver=semver,
                digest=manifest.digest,
                size_bytes=manifest.size_bytes,
                files=manifest.entries,
                formats=formats,
                entrypoint=entrypoint,
                signature=wanted.signature,
                provenance=wanted.provenance,
                bump_reasons=required.reasons if required else (),
                registered_at=past.registered_at,
                registered_by=past.registered_by,
                stage_since=past.registered_at,
                description=wanted.description,
                tags=dict(wanted.tags),
                labels=tuple(sorted(set(wanted.labels))),
                source=wanted.source,
                external=wanted.external,
                changed_at=now,
                published=caller.ci,
            )
            data = {each.digest for each in wanted.provenance.data} & known
            bytes_named = {each.digest for each in manifest} | data
            require_there(records, self._means.blobs, bytes_named, now)
            records.versions.add(version)
            records.models.touch(model, now)
            act.note("version.register", version.address, after=_essence(version))
            records.blob_holders.note(bytes_named, user(model))
            if found is not None:
                found.step(act, version)
            open_registration(act, self._means.chance, version)
            return version, True

    def _known(self, caller: Caller, wanted: NewVersion, *, files: bool) -> frozenset[Digest]:
        """Return the digests of data, and of files if wanted, whose bytes the caller may name."""
        size = self._means.blobs.size
        data = {each.digest for each in wanted.provenance.data}
        asked = {each for each in data if size(each) is not None}
        asked |= {each.digest for each in wanted.files} if files else set()
        with self._means.database.read() as records:
            return available(records, caller, asked)

    def _check_blobs(self, manifest: Manifest, known: Collection[Digest] | None) -> None:
        reasons = []
        for entry in manifest:
            there = known is None or entry.digest in known
            size = self._means.blobs.size(entry.digest) if there else None
            if size is None:
                detail = f"PUT /api/v1/blobs/{entry.digest} first"
                reasons.append(Reason(f"files[{entry.path}].digest", "the bytes were not uploaded", detail))
            elif size != entry.size_bytes:
                rule = f"must be {size}, the size of the stored bytes"
                reasons.append(Reason(f"files[{entry.path}].size_bytes", rule, str(entry.size_bytes)))
        if reasons:
            raise BadInputError(f"{len(reasons)} files cannot be registered", reasons[:100])

    def _recognise(self, manifest: Manifest) -> tuple[FileFormat, ...]:
        def opener(entry: FileEntry) -> Callable[[], BinaryIO]:
            return lambda: self._open(entry.digest)

        return recognise_files((entry.path, opener(entry)) for entry in manifest)

    def _open(self, digest: Digest) -> BinaryIO:
        try:
            return self._means.blobs.open_path(digest).open("rb")
        except (NotFoundError, FileNotFoundError):  # collected since it was looked for
            raise gone([digest]) from None


def check_annotations(
    description: str, tags: Mapping[str, str], labels: Iterable[str], there: Collection[str] = ()
) -> None:
    """Check what people write about things.

    Args:
        description: for people.
        tags: all that the thing will have.
        labels: the same.
        there: keys of tags that it has already and that nobody sets now.

    Raises:
        BadInputError: the first rule that is broken.
    """
    check_text(description, "description", limit_bytes=MAX_DESCRIPTION_BYTES)
    labels = tuple(labels)
    for key, value in tags.items():
        check_tag(key, value)
        if key not in there:
            check_not_own(key)
    for label in labels:
        check_label(label)
    if max(len(tags), len(labels)) > MAX_TAGS:
        raise BadInputError.of("tags", f"must be at most {MAX_TAGS} tags and labels each")


def create_model(act: Act, wanted: NewModel) -> Model:
    """Create a model within a transaction under way.

    Raises:
        BadInputError: a text, tag or label breaks a rule.
        ConflictError: the name is taken.
        RefusedError: its name outside is kept for another model, or has another policy.
    """
    check_annotations(wanted.description, wanted.tags, wanted.labels)
    labels = tuple(sorted(set(wanted.labels)))
    outside_name = wanted.known_as or known_as(wanted.name)
    check_taking(act.records, wanted.name, outside_name)
    model = Model(
        name=wanted.name,
        created_at=act.at,
        created_by=act.actor,
        description=wanted.description,
        tags=dict(wanted.tags),
        labels=labels,
        known_as=outside_name,
        changed_at=act.at,
    )
    act.records.models.add(model)
    act.note("model.create", wanted.name, after=model)
    return model


def _signed_for(wanted: NewVersion, ci: CiRun | None) -> NewVersion:
    """Return what is wanted with the commit that the job ran on, where the job did not say one itself."""
    if ci is None or wanted.provenance.code is not None or not is_commit(ci.commit):
        return wanted
    code = Code(ci.commit, repository=ci.repository)
    return replace(wanted, provenance=replace(wanted.provenance, code=code))


def _is_same(newest: Version, manifest: Manifest, wanted: NewVersion) -> bool:
    same = newest.digest == manifest.digest and newest.files == manifest.entries
    asked = wanted.version == AUTO or SemVer.parse(wanted.version) == newest.semver
    return same and asked and newest.signature == wanted.signature and newest.provenance == wanted.provenance


def _number(
    records: Records, model: ModelName, newest: Version | None, wanted: NewVersion
) -> tuple[int, SemVer, RequiredBump | None]:
    asked = None if wanted.version == AUTO else SemVer.parse(wanted.version)
    number, highest = records.versions.highest(model)
    if asked is not None and newest is not None and asked == newest.semver:
        reason = Reason(
            "version", "a registered version never changes", f"{newest.address} has other content"
        )
        raise ConflictError(f"{newest.address} exists", [reason], hint="register it as auto")
    required = required_bump(newest, wanted.signature, wanted.provenance) if newest else None
    return number + 1, next_version(newest, highest, required, asked), required


def _entrypoint(wanted: NewVersion, manifest: Manifest, formats: tuple[FileFormat, ...]) -> str:
    if not wanted.entrypoint:
        return find_entrypoint(formats)
    if manifest.find(wanted.entrypoint) is None:
        raise BadInputError.of("entrypoint", "must be one of the files", repr(wanted.entrypoint)[:200])
    return wanted.entrypoint


def _essence(version: Version) -> dict[str, object]:
    provenance = version.provenance
    return {
        "number": version.number,
        "digest": version.digest,
        "size_bytes": version.size_bytes,
        "format": version.format,
        "data": {reference.role.value: reference.digest for reference in provenance.data},
        "commit": provenance.code.commit if provenance.code else None,
        "registered_at": version.registered_at,
        "source": version.source,
        "external": version.external,
    }
