"""Routes of policies. They are written in YAML, of which JSON is a part."""

from typing import Any

import yaml

from assay.core.errors import BadInputError
from assay.core.names import ModelName
from assay.core.policies import PolicyMode
from assay.doors.native.route import Call, Route
from assay.wire.codec import MAX_DEPTH
from assay.wire.requests import PolicySwitch
from assay.wire.views import PolicyView

MAX_YAML_BYTES = 1024 * 1024


class _Loader(yaml.SafeLoader):
    """Plain values only: no aliases (they make small texts huge), no tags, no key twice, no deep nesting.

    Texts are Unicode: an escape can say half of a surrogate pair, which no answer could say again.
    """

    depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Refuse aliases, tags, deep nesting and what is no Unicode."""
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        problem = ""
        if isinstance(event, yaml.events.AliasEvent):
            problem = "aliases are not used here"
        elif event.tag is not None:
            problem = "tags are not used here"
        elif any("\ud800" <= letter <= "\udfff" for letter in getattr(event, "value", "")):
            problem = "must not contain lone surrogates"
        elif self.depth >= MAX_DEPTH:
            problem = f"must not be nested deeper than {MAX_DEPTH}"
        if problem:
            raise yaml.composer.ComposerError(None, None, problem, event.start_mark)
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        """Refuse a key that occurs twice."""
        keys = [key.value for key, _ in node.value]
        if len(set(map(str, keys))) != len(keys):
            raise yaml.constructor.ConstructorError(None, None, "a key occurs twice", node.start_mark)
        return super().construct_mapping(node, deep=deep)


def read_yaml(content: bytes) -> tuple[str, Any]:
    """Return the text and what it says.

    Raises:
        BadInputError: too large, not UTF-8, or not YAML; names line and column.
    """
    if len(content) > MAX_YAML_BYTES:
        raise BadInputError.of("policy", f"must be at most {MAX_YAML_BYTES} bytes")
    try:
        text = content.decode("utf-8")
        return text, yaml.load(text, Loader=_Loader)  # noqa: S506 - a subclass of the safe loader
    except UnicodeDecodeError as error:
        raise BadInputError.of("policy", "must be UTF-8", str(error)) from error
    except (yaml.YAMLError, ValueError) as error:  # ValueError: 2026-13-45, an integer of 5000 digits
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}, column {mark.column + 1}" if mark else "policy"
        raise BadInputError.of(where, "must be YAML", str(getattr(error, "problem", error))[:300]) from error


def put(call: Call) -> PolicyView:
    """Set a policy."""
    source, document = read_yaml(call.body)
    return PolicyView.of(call.use.policies.set(call.caller, source, document, call.expected))


def switch(call: Call) -> PolicyView:
    """Switch a policy's mode."""
    wanted = call.read(PolicySwitch)
    mode = PolicyMode.parse(wanted.mode)
    return PolicyView.of(call.use.policies.switch(call.caller, wanted.pattern, mode))


def listing(call: Call) -> tuple[PolicyView, ...]:
    """List current policies."""
    return tuple(map(PolicyView.of, call.use.policies.list(call.caller)))


def applying(call: Call) -> PolicyView:
    """Show the policy that guards a model."""
    return PolicyView.of(call.use.policies.applying(call.caller, ModelName(call.needed("model"))))


def current(call: Call) -> PolicyView:
    """Show the policy of a pattern."""
    return PolicyView.of(call.use.policies.current(call.caller, call.needed("pattern")))


def history(call: Call) -> tuple[PolicyView, ...]:
    """List revisions."""
    return tuple(map(PolicyView.of, call.use.policies.history(call.caller, call.needed("pattern"))))


ROUTES = (
    Route("GET", "/policies", listing, "The current policy of every pattern", gives=tuple[PolicyView, ...]),
    Route(
        "PUT",
        "/policies",
        put,
        "Set a policy, as YAML or JSON",
        gives=PolicyView,
        takes=dict[str, Any],
        takes_types=("application/yaml", "application/x-yaml", "text/yaml", "application/json"),
        tagged=True,
    ),
    Route(
        "POST",
        "/policies/switch",
        switch,
        "Put the policy for a pattern into mode enforce or observe, as its next revision",
        gives=PolicyView,
        takes=PolicySwitch,
    ),
    Route(
        "GET",
        "/policies/applying",
        applying,
        "The policy that guards a model",
        gives=PolicyView,
        query={"model": "team/task"},
    ),
    Route(
        "GET",
        "/policies/current",
        current,
        "The policy that is set for exactly this pattern",
        gives=PolicyView,
        query={"pattern": "*, team/* or team/task"},
        tagged=True,
    ),
    Route(
        "GET",
        "/policies/history",
        history,
        "All revisions for a pattern, oldest first",
        gives=tuple[PolicyView, ...],
        query={"pattern": "*, team/* or team/task"},
    ),
)
