"""The patch that `kubectl apply` sends: what changed in the manifest since it was applied last.

Written after apimachinery's util/strategicpatch (CreateThreeWayMergePatch).
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from svcnotes.control_plane.api_server.merge_keys import MergeKeys
from svcnotes.control_plane.api_server.strategic_merge import (
    DELETE_FROM,
    DIRECTIVE,
    ORDER,
    Json,
    combine,
    go_value,
    in_order,
    key_of,
    one_kind,
)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Which differences to write down."""

    changes: bool
    deletions: bool


def three_way(
    original: Mapping[str, Any], modified: Mapping[str, Any], current: Mapping[str, Any], keys: MergeKeys
) -> Json:
    """The patch from the live object to the manifest; deleted is only what was applied before.

    `original` is the manifest applied last (empty without one), `modified` the manifest now,
    `current` the object as stored. Raises MergeError where a list's item lacks its key.
    """
    changed = _diff(current, modified, keys, _Wanted(changes=True, deletions=False))
    deleted = _diff(original, modified, keys, _Wanted(changes=False, deletions=True))
    return combine(deleted, changed, keys)


def two_way(original: Mapping[str, Any], modified: Mapping[str, Any], keys: MergeKeys) -> Json:
    """The patch from one object to another, deletions included. Raises MergeError."""
    return _diff(original, modified, keys, _Wanted(changes=True, deletions=True))


def _diff(original: Mapping[str, Any], modified: Mapping[str, Any], keys: MergeKeys, wanted: _Wanted) -> Json:
    patch: Json = {}
    for field, after in modified.items():
        if field not in original or type(original[field]) is not type(after):
            if wanted.changes:
                patch[field] = deepcopy(after)
            continue
        before = original[field]
        if isinstance(after, dict):
            inner = _diff(before, after, keys.within(field), wanted)
            if inner:
                patch[field] = inner
        elif isinstance(after, list) and keys.key(field) is not None:
            patch |= _diff_list(before, after, field, keys, wanted)
        elif wanted.changes and before != after:
            patch[field] = deepcopy(after)
    if wanted.deletions:
        patch |= {field: None for field in original if field not in modified}
    return patch


def _diff_list(before: list[Any], after: list[Any], field: str, keys: MergeKeys, wanted: _Wanted) -> Json:
    if not before:
        return {field: deepcopy(after)} if after and wanted.changes else {}
    one_kind(before, after)
    if isinstance((before + after)[0], dict):
        return _diff_maps(before, after, field, keys, wanted)
    gone = [item for item in dict.fromkeys(before) if item not in after] if wanted.deletions else []
    new = [item for item in after if item not in before] if wanted.changes else []
    patch: Json = {}
    if new:
        patch[field] = new
    if gone:
        patch[DELETE_FROM + field] = sorted(gone, key=go_value)
    if gone or (wanted.changes and before != after):
        patch[ORDER + field] = list(after)
    return patch


def _diff_maps(before: list[Any], after: list[Any], field: str, keys: MergeKeys, wanted: _Wanted) -> Json:
    key = keys.key(field) or ""
    changes, deletions = _walk(_by_key(before, key), _by_key(after, key), key, keys.within(field), wanted)
    items = in_order(changes, after, key) + deletions
    same = len(before) == len(after) and all(
        key_of(one, key) == key_of(two, key) for one, two in zip(before, after, strict=True)
    )
    patch: Json = {}
    if items:
        patch[field] = items
    if (wanted.changes and (items or not same)) or (wanted.deletions and items):
        patch[ORDER + field] = [{key: item[key]} for item in after]
    return patch


def _walk(
    before: list[Json], after: list[Json], key: str, keys: MergeKeys, wanted: _Wanted
) -> tuple[list[Json], list[Json]]:
    """Both sorted lists side by side: the items to change or add, and the directives to delete."""
    changes: list[Json] = []
    deletions: list[Json] = []
    old, new = iter(before), iter(after)
    one, two = next(old, None), next(new, None)
    while one is not None or two is not None:
        left = None if one is None else go_value(one[key])
        right = None if two is None else go_value(two[key])
        if one is not None and two is not None and left == right:
            inner = _diff(one, two, keys, wanted)
            if inner:
                changes.append(inner | {key: two[key]})
            one, two = next(old, None), next(new, None)
        elif two is not None and (left is None or (right is not None and left > right)):
            if wanted.changes:
                changes.append(deepcopy(two))
            two = next(new, None)
        elif one is not None:
            if wanted.deletions:
                deletions.append({DIRECTIVE: "delete", key: one[key]})
            one = next(old, None)
    return changes, deletions


def _by_key(items: list[Any], key: str) -> list[Json]:
    """The items sorted by their key's text; of equal ones the later comes first.

    apimachinery sorts with "less or equal" for "less", and its insertion sort then turns equal
    neighbours around. That is why 53/TCP after 53/UDP is compared with the old 53/UDP.
    """
    out: list[Json] = []
    for item in items:
        text = go_value(key_of(item, key))
        place = next((i for i, other in enumerate(out) if text <= go_value(other[key])), len(out))
        out.insert(place, item)
    return out
