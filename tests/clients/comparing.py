"""Compare what two servers showed, place by place, but for the places on the list of differences."""

import json
import re
from fnmatch import fnmatchcase

ABSENT = "<absent>"


def unlisted(stock, ours, places):
    """Return one line for every difference that is not listed, and for every listed one that is not there.

    Args:
        stock: what the stock server showed.
        ours: what Assay showed.
        places: the `Place`s of this scenario; each is taken out of both documents.
    """
    wrong = []
    for place in places:
        nodes = sorted(set(_matching(stock, place.path)) | set(_matching(ours, place.path)))
        pairs = [(node, _at(stock, node), _at(ours, node)) for node in nodes]
        differing = [(node, a, b) for node, a, b in pairs if a != b]
        if not differing:
            wrong.append(f"listed, but there is no difference at {' / '.join(place.path)}")
        for node, _, mine in differing:
            text = json.dumps(mine, ensure_ascii=False)
            if not re.search(place.ours, text):
                wrong.append(f"{' / '.join(node)}: not the answer that is listed, {place.ours!r}: {text}")
            _take_out(stock, node)
            _take_out(ours, node)
    return wrong + [
        f"{' / '.join(node)}:\n  stock {a}\n  ours  {b}" for node, a, b in differences(stock, ours)
    ]


def differences(stock, ours, node=()):
    """Yield ``(path, stock's value, our value)`` for every leaf that differs."""
    if isinstance(stock, dict) and isinstance(ours, dict):
        for key in sorted({*stock, *ours}):
            yield from differences(stock.get(key, ABSENT), ours.get(key, ABSENT), (*node, key))
    elif isinstance(stock, list) and isinstance(ours, list) and len(stock) == len(ours):
        for index, (a, b) in enumerate(zip(stock, ours, strict=True)):
            yield from differences(a, b, (*node, str(index)))
    elif stock != ours or type(stock) is not type(ours):
        yield node, json.dumps(stock, ensure_ascii=False), json.dumps(ours, ensure_ascii=False)


def _children(value):
    if isinstance(value, dict):
        return value
    return {str(index): each for index, each in enumerate(value)} if isinstance(value, list) else {}


def _matching(document, pattern, node=()):
    if not pattern:
        yield node
        return
    children = _children(document)
    keys = (
        [pattern[0]] if pattern[0] in children else [key for key in children if fnmatchcase(key, pattern[0])]
    )
    for key in keys:
        yield from _matching(children[key], pattern[1:], (*node, key))


def _at(document, node):
    for key in node:
        document = _children(document).get(key, ABSENT)
    return document


def _take_out(document, node):
    for key in node[:-1]:
        document = _children(document).get(key, {})
    if isinstance(document, dict):
        document.pop(node[-1], None)
    elif int(node[-1]) < len(document):
        document[int(node[-1])] = "<listed>"
