"""Strategic merge patch: how kube-apiserver lays a patch over an object, list items by their key.

Written after apimachinery's util/strategicpatch, with its surprises: a Service's ports are told
apart by `port` alone, so that 53/UDP and 53/TCP are one item to it. Left out: `$retainKeys`, which
no field of a Service uses.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

from svcnotes.control_plane.api_server.merge_keys import MergeKeys

DIRECTIVE = "$patch"
ORDER = "$setElementOrder/"
DELETE_FROM = "$deleteFromPrimitiveList/"

Json = dict[str, Any]


class MergeError(Exception):
    """A patch that cannot be merged; the text is apimachinery's."""


def go_value(value: Any) -> str:
    """A value as Go's %v prints it: `map[port:80 targetPort:web]`, `[a b]`, `true`."""
    if isinstance(value, Mapping):
        return "map[" + " ".join(f"{key}:{go_value(value[key])}" for key in sorted(value)) + "]"
    if isinstance(value, list):
        return "[" + " ".join(map(go_value, value)) + "]"
    if value is None:
        return "<nil>"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def key_of(item: Any, key: str) -> Any:
    """What tells a list's item apart; MergeError where a map has no such field."""
    if not key:
        return item
    if not isinstance(item, Mapping):
        raise MergeError(f"expected a map[string]interface {{}}, but received {go_value(item)}")
    if key not in item:
        raise MergeError(f"map: {go_value(item)} does not contain declared merge key: {key}")
    return item[key]


def one_kind(theirs: list[Any], ours: list[Any]) -> None:
    """Raise MergeError where a list that is merged holds items of several types."""
    if len({type(item) for item in (*theirs, *ours)}) > 1:
        raise MergeError(f"list element types are not identical: {go_value([theirs, ours])}")


def merge(original: Mapping[str, Any], patch: Mapping[str, Any], keys: MergeKeys) -> Json:
    """The object with the patch laid over it; neither argument is changed. Raises MergeError."""
    return _merge(deepcopy(dict(original)), deepcopy(dict(patch)), keys, combine=False)


def combine(first: Mapping[str, Any], second: Mapping[str, Any], keys: MergeKeys) -> Json:
    """One patch that does what both do: directives and nulls stay in it. Raises MergeError."""
    return _merge(deepcopy(dict(first)), deepcopy(dict(second)), keys, combine=True)


def rest(patch: Mapping[str, Any]) -> Json:
    """The patch without its ordered lists: what kube-apiserver still holds of it after merging."""
    gone = {key.removeprefix(ORDER) for key in patch if key.startswith(ORDER)}
    return {
        key: rest(value) if isinstance(value, Mapping) else value
        for key, value in patch.items()
        if key not in gone and not key.startswith(ORDER)
    }


def _merge(original: Json, patch: Json, keys: MergeKeys, *, combine: bool) -> Json:
    if DIRECTIVE in patch:
        directive = patch.pop(DIRECTIVE)
        if directive == "replace":
            return patch
        if directive == "delete":
            return {}
        raise MergeError(f"unknown patch type found: {go_value(directive)} in map: {go_value(patch)}")
    _merge_ordered(original, patch, keys, combine=combine)
    for name, value in patch.items():
        field, deleting = name, False
        if name.startswith(DELETE_FROM):
            if combine:
                original[name] = value
                continue
            field, deleting = name.removeprefix(DELETE_FROM), True
        if value is None:
            original.pop(field, None)
            if not combine:
                continue
        if field not in original or type(original[field]) is not type(value):
            original[field] = value
        elif isinstance(value, dict):
            original[field] = _merge(original[field], value, keys.within(field), combine=combine)
        elif isinstance(value, list) and keys.key(field) is not None:
            original[field] = _merge_list(
                original[field], value, field, keys, combine=combine, deleting=deleting
            )
        else:
            original[field] = value
    return original


def _merge_ordered(original: Json, patch: Json, keys: MergeKeys, *, combine: bool) -> None:
    """Merge the lists that come with an order; they are taken out of the patch."""
    for name in [name for name in patch if name.startswith(ORDER)]:
        order = patch.pop(name)
        field = name.removeprefix(ORDER)
        key = keys.key(field) or ""
        if not isinstance(order, list):
            raise MergeError("invalid patch format of setElementOrder list")
        if combine and original.setdefault(name, order) != order:
            raise MergeError("invalid patch format of setElementOrder list")
        theirs, ours = original.get(field), patch.pop(field, None)
        if theirs is None and ours is None:
            continue
        if theirs is None:
            merged = ours or []
        elif ours is None:
            merged = theirs
        else:
            merged = _merge_list(theirs, ours, field, keys, combine=combine)
        listed = [key_of(item, key) for item in order]
        named = [item for item in merged if key_of(item, key) in listed]
        others = [item for item in merged if key_of(item, key) not in listed]
        original[field] = interleave(in_order(named, order, key), others, theirs or [], key)


def _merge_list(
    theirs: list[Any], ours: list[Any], field: str, keys: MergeKeys, *, combine: bool, deleting: bool = False
) -> list[Any]:
    key = keys.key(field) or ""
    if not theirs and not ours:
        return theirs
    one_kind(theirs, ours)
    if not any(isinstance(item, dict) for item in (*theirs, *ours)):
        if deleting:
            return [item for item in theirs if item not in ours]
        merged, patches = list(dict.fromkeys([*theirs, *ours])), ours
    else:
        merged, patches = _merge_items(theirs, ours, key, keys.within(field), combine=combine)
    listed = [key_of(item, key) for item in patches]
    named = [item for item in merged if key_of(item, key) in listed]
    others = [item for item in merged if key_of(item, key) not in listed]
    return interleave(in_order(named, patches, key), in_order(others, theirs, key), theirs, key)


def _merge_items(
    theirs: list[Any], ours: list[Any], key: str, keys: MergeKeys, *, combine: bool
) -> tuple[list[Any], list[Any]]:
    """The merged items, and those of the patch that are no directives."""
    merged, patches = list(theirs), [item for item in ours if DIRECTIVE not in item]
    for item in ours:
        directive = item.get(DIRECTIVE)
        if directive == "delete":
            gone = key_of(item, key)
            merged = [other for other in merged if other.get(key) != gone]
        elif directive == "replace":
            return patches, []
        elif directive is not None:
            raise MergeError(f"unknown patch type found: {go_value(directive)} in map: {go_value(item)}")
    for item in patches:
        wanted = key_of(item, key)
        for place, other in enumerate(merged):
            if other.get(key) == wanted:
                merged[place] = _merge(other, item, keys, combine=combine)
                break
        else:
            merged.append(item)
    return merged, patches


def in_order(items: Sequence[Any], order: Sequence[Any], key: str) -> list[Any]:
    """The items in the order of another list, deletions last."""
    places = [key_of(item, key) for item in order]
    deletions = [item for item in items if isinstance(item, dict) and item.get(DIRECTIVE) == "delete"]
    others = [item for item in items if not (isinstance(item, dict) and item.get(DIRECTIVE) == "delete")]

    def place(item: Any) -> int:
        value = key_of(item, key)
        return places.index(value) if value in places else len(places)

    return sorted(others, key=place) + deletions


def interleave(named: list[Any], others: list[Any], theirs: Sequence[Any], key: str) -> list[Any]:
    """The patch's items in their order, the server's own where the live object has them."""
    places = [key_of(item, key) for item in theirs]
    out: list[Any] = []
    left, right = list(others), list(named)
    while left and right:
        one, two = key_of(left[0], key), key_of(right[0], key)
        before = one in places and two in places and places.index(one) < places.index(two)
        out.append(left.pop(0) if before else right.pop(0))
    return out + left + right
