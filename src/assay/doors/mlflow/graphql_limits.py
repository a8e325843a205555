"""How much may be asked by one GraphQL document, in its text and in the work that it makes.

The limits of the text are those of MLflow's server and two more, for what a reader of documents compares
pair by pair. Work is weighed before it is done: a list costs its length times what is asked of each item.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Final

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLResolveInfo,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
)

MAX_DEPTH: Final = 10
MAX_SELECTIONS: Final = 1000
MAX_ROOT_FIELDS: Final = 10
MAX_ALIASES: Final = 10
MAX_DEFINITIONS: Final = 50
MAX_REPEATS: Final = 20
MAX_VALUES: Final = 250_000
MAX_QUESTIONS: Final = 1_500

Fragments = Mapping[str, FragmentDefinitionNode]


def check_document(document: DocumentNode) -> Fragments:
    """Return the fragments of a document that keeps all limits, whether it is valid or not.

    Raises:
        GraphQLError: it breaks one.
    """
    if len(document.definitions) > MAX_DEFINITIONS:
        raise _above(f"should have at most {MAX_DEFINITIONS} operations and fragments")
    if _written(document) > MAX_SELECTIONS:
        raise _too_many_selections()
    fragments, operations = {}, []
    for each in document.definitions:
        if isinstance(each, FragmentDefinitionNode):
            fragments[each.name.value] = each
        elif isinstance(each, OperationDefinitionNode):
            operations.append(each.selection_set)
    roots = sum(len(fields_below(each, fragments)) for each in operations)
    aliases = _check_levels([(each, 1) for each in operations], fragments)
    if roots > MAX_ROOT_FIELDS:
        raise _above(f"should have at most {MAX_ROOT_FIELDS} root fields, got {roots} root fields")
    if aliases > MAX_ALIASES:
        raise _above(f"should have at most {MAX_ALIASES} aliases, got {aliases} aliases")
    return fragments


def fields_below(selected: SelectionSetNode, fragments: Fragments) -> list[FieldNode]:
    """Return the fields of one level, those of its fragments among them."""
    found: list[FieldNode] = []
    waiting, entered = list(selected.selections), set()
    while waiting:
        each = waiting.pop()
        if isinstance(each, FieldNode):
            found.append(each)
        elif isinstance(each, InlineFragmentNode):
            waiting += each.selection_set.selections
        elif isinstance(each, FragmentSpreadNode) and each.name.value not in entered:
            entered.add(each.name.value)
            if each.name.value in fragments:
                waiting += fragments[each.name.value].selection_set.selections
    return found


class Work:
    """What the answer to one document costs; nothing more is done once it is too much.

    Attributes:
        too_much: says which limit was reached; empty as long as none is.
    """

    def __init__(self, fragments: Fragments) -> None:
        """Begin at nothing."""
        self.too_much = ""
        self._fragments = fragments
        self._values = 0
        self._questions = 0
        self._widths: dict[int, int] = {}

    def ask(self) -> bool:
        """Count a question to the registry; tell whether it may be asked."""
        self._questions += 1
        if self._questions > MAX_QUESTIONS and not self.too_much:
            self.too_much = (
                f"The document asks the registry more than {MAX_QUESTIONS} questions. Ask for fewer runs at "
                "a time (maxResults)"
            )
        return not self.too_much

    def resolve(
        self, answer: Callable[..., Any], source: Any, info: GraphQLResolveInfo[Any], **said: Any
    ) -> Any:
        """Return a field's value, or None when there is no room for what is asked of it.

        The library calls this, by this name, around the answer to every field.
        """
        if self.too_much:
            return None
        value = answer(source, info, **said)
        is_list = isinstance(value, list | tuple)
        if value is not None and (is_list or info.field_nodes[0].selection_set is not None):
            width = sum(map(self._width, info.field_nodes))
            self._values += width * (len(value) if is_list else 1)
            if self._values > MAX_VALUES:
                self.too_much = (
                    f"The answer would have more than {MAX_VALUES} values. Ask for fewer fields, or for "
                    "fewer things at a time (maxResults)"
                )
                return None
        return value

    def _width(self, node: FieldNode) -> int:
        """Return how many values each item of a field has; the node lives as long as this object."""
        width = self._widths.get(id(node))
        if width is None:
            below = fields_below(node.selection_set, self._fragments) if node.selection_set else ()
            width = self._widths[id(node)] = len(below) or 1
        return width


def _check_levels(waiting: list[tuple[SelectionSetNode, int]], fragments: Fragments) -> int:
    """Look at each level that is asked for; return the most aliases that one of them has.

    Raises:
        GraphQLError: there are too many fields, or levels, or the same field is there too often.
    """
    total = aliases = 0
    while waiting:
        selected, depth = waiting.pop()
        if depth > MAX_DEPTH:
            raise GraphQLError(f"Query exceeds maximum depth of {MAX_DEPTH}")
        fields = fields_below(selected, fragments)
        total += len(fields)
        if total > MAX_SELECTIONS:
            raise _too_many_selections()
        aliases = max(aliases, sum(each.alias is not None for each in fields))
        names = Counter((each.alias or each.name).value for each in fields)
        if names and max(names.values()) > MAX_REPEATS:
            raise _above(f"should have the same field at most {MAX_REPEATS} times in one place")
        waiting += [(each.selection_set, depth + 1) for each in fields if each.selection_set]
    return aliases


def _written(document: DocumentNode) -> int:
    """Return how many selections a document has, as it is written."""
    count = 0
    waiting: list[Any] = list(document.definitions)
    while waiting:
        selected = getattr(waiting.pop(), "selection_set", None)
        if selected is not None:
            count += len(selected.selections)
            waiting += selected.selections
    return count


def _too_many_selections() -> GraphQLError:
    return GraphQLError(f"Query exceeds maximum total selections of {MAX_SELECTIONS}")


def _above(rule: str) -> GraphQLError:
    return GraphQLError(f"GraphQL queries {rule}")
