"""Ways to decide which of several layers of one shape is which."""

import itertools
import re
from collections.abc import Callable, Sequence
from difflib import SequenceMatcher

from d2l_parity.layer import Layer

# What the name of a part of an array ends in, such as `[0:4]` or `[0:4 of every 12]`.
PART = re.compile(r"\[[^\]]*:\d+[^\]]*\]$")

# Likewise that of a row of stacked arrays, such as `[2]`.
ROW = re.compile(r"\[(\d+)\]$")

Method = Callable[[list[Layer], list[Layer]], list[tuple[Layer, Layer]]]


def by_names(one: list[Layer], other: list[Layer]) -> list[tuple[Layer, Layer]]:
    """Return the pairs of layers that share a name."""
    named = {name: layer for layer in other for name in (layer.name, *layer.aliases)}
    return [
        (layer, next(named[name] for name in (layer.name, *layer.aliases) if name in named))
        for layer in one
    ]


def same_names(one: list[Layer], other: list[Layer]) -> bool:
    """Return whether each layer has a counterpart of the same name."""
    if len(one) != len(other):
        return False
    names = [all_names(side) for side in (one, other)]
    return all(
        {layer.name, *layer.aliases} & others
        for side, others in zip((one, other), names[::-1], strict=True)
        for layer in side
    )


def all_names(layers: list[Layer]) -> set[str]:
    """Return the names of layers, and their further ones."""
    return {name for layer in layers for name in (layer.name, *layer.aliases)}


def of_equal_names(one: list[Layer], other: list[Layer]) -> tuple[list[Layer], list[Layer]]:
    """Return the layers of both sides that share a name with one of the other side, one each."""
    found: tuple[list[Layer], list[Layer]] = [], []
    for layer in one:
        names = {layer.name, *layer.aliases}
        for each in other:
            if each not in found[1] and names & {each.name, *each.aliases}:
                found[0].append(layer)
                found[1].append(each)
                break
    return found


def by_rank(*orders: list[str], otherwise: bool = False) -> Method:
    """
    Return the method that pairs layers in the order of their calls, or `otherwise` by similarity.

    Where one side calls as one layer what the other side calls as several, it is the other way
    round: the similarity of names comes first, as calls may not have been observed.
    """
    ranks = [{name: i for i, name in enumerate(order)} for order in orders]

    def method(*sides: list[Layer]) -> list[tuple[Layer, Layer]]:
        def rank(layer: Layer, ranks: dict[str, int]) -> int:
            names = (layer.module, *layer.aliases)
            return min((ranks[name] for name in names if name in ranks), default=len(ranks))

        # The arrays of one layer have one rank; which is which is decided by their names.
        grouped: list[dict[int, list[Layer]]] = [{}, {}]
        for groups, side, own in zip(grouped, sides, ranks, strict=True):
            for layer in sorted(side, key=lambda layer: rank(layer, own)):
                groups.setdefault(rank(layer, own), []).append(layer)
        parts = [list(groups.values()) for groups in grouped]
        alike = [len(part) for part in parts[0]] == [len(part) for part in parts[1]]
        if not alike and otherwise:
            ours, theirs = (itertools.chain.from_iterable(part) for part in parts)
            return list(zip(ours, theirs, strict=True))
        if not alike or otherwise:
            return by_similarity(*sides)
        return [pair for two in zip(*parts, strict=True) for pair in by_similarity(*two)]

    return method


def with_namesakes(pairs: list[tuple[Layer, Layer]]) -> list[tuple[Layer, Layer]]:
    """
    Return pairs in which names decide between layers side by side, where they say which is which.

    Such as `to_q`, `to_k` and `to_v` in one model, `q`, `k` and `v` in the other, in whatever order
    they are called; likewise the modules around them, such as two encoders. Numbers say nothing:
    one model may count from 0, the other from 1.
    """
    return _side_by_side(_with_parents(pairs))


def _side_by_side(pairs: list[tuple[Layer, Layer]]) -> list[tuple[Layer, Layer]]:
    beside: dict[tuple[str, str], list[tuple[Layer, Layer]]] = {}
    for one, other in pairs:
        beside.setdefault((_parent(one), _parent(other)), []).append((one, other))
    return [pair for group in beside.values() for pair in _by_namesakes(group)]


def _with_parents(pairs: list[tuple[Layer, Layer]]) -> list[tuple[Layer, Layer]]:
    """Return pairs in which the names of the modules around layers decide between these."""
    around = dict.fromkeys((_parent(one), _parent(other)) for one, other in pairs)
    if any(len(set(side)) < len(around) for side in zip(*around, strict=True)):
        return pairs
    module = lambda name: Layer(name, name, name, "", {}, {}, {})  # noqa: E731
    modules = [(module(one), module(other)) for one, other in around]
    new = {one.name: other.name for one, other in _side_by_side(modules)}
    layers = {other.name: other for _, other in pairs}
    moved = []
    for one, other in pairs:
        name = new[_parent(one)] + other.name.removeprefix(_parent(other))
        if name not in layers:
            return pairs
        moved.append((one, layers[name]))
    return moved


def _by_namesakes(pairs: list[tuple[Layer, Layer]]) -> list[tuple[Layer, Layer]]:
    ours, theirs = (list(side) for side in zip(*pairs, strict=True))
    words = [_own_words(side) for side in (ours, theirs)]
    alike = [
        [any(_is_short_for(a, b) for a, b in itertools.product(mine, other)) for other in words[1]]
        for mine in words[0]
    ]
    if any(sum(row) > 1 for row in (*alike, *zip(*alike, strict=True))):
        return pairs
    # Those without a namesake stay in their order.
    free = [
        other for other, row in zip(theirs, zip(*alike, strict=True), strict=True) if not any(row)
    ]
    return [
        (one, theirs[row.index(True)] if any(row) else free.pop(0))
        for one, row in zip(ours, alike, strict=True)
    ]


def _own_words(layers: Sequence[Layer]) -> list[set[str]]:
    """Return the words in the last names of layers that not all of them have; none with numbers."""
    names = [_letter_of_part(x, layers) or _last(x) for x in layers]
    words = [set(re.findall(r"[A-Z]?[a-z]+|[A-Z]+", name)) for name in names]
    common = set.intersection(*words)
    return [
        set() if re.search(r"\d", name) else {word.lower() for word in own - common}
        for name, own in zip(names, words, strict=True)
    ]


def _letter_of_part(layer: Layer, layers: Sequence[Layer]) -> str:
    """Return which of PyTorch's `q`, `k` and `v` a part of its packed attention is."""
    name = PART.sub("", layer.name)
    parts = [x.name for x in layers if PART.search(x.name) and PART.sub("", x.name) == name]
    parts.sort(key=lambda part: int(re.findall(r"(\d+):", part)[-1]))
    is_attention = name.rpartition(".")[2] == "in_proj" and len(parts) == 3
    return "qkv"[parts.index(layer.name)] if is_attention else ""


def _is_short_for(one: str, other: str) -> bool:
    """Return whether one of two words begins with the other, or is `wq` for `q`."""
    short, long = sorted((one, other), key=len)
    return long.startswith(short) or (len(long) == 2 and long.endswith(short))


def _last(layer: Layer) -> str:
    return _place(layer).rpartition(".")[2]


def _parent(layer: Layer) -> str:
    return _place(layer).rpartition(".")[0]


def _place(layer: Layer) -> str:
    """Return the name of a layer, or of the layer that has only this weight."""
    return re.sub(r"\.(weight|kernel|bias)$", "", layer.name)


def by_similarity(one: list[Layer], other: list[Layer]) -> list[tuple[Layer, Layer]]:
    """
    Return the pairs whose names are most alike; equal numbers in them count most.

    The parts of one array, such as `qkv[0:8]`, are alike, and paired in their order.
    """

    def likeness(*names: str) -> float:
        ours, theirs = (PART.sub("", name) for name in names)
        one, other = (re.findall(r"\d+", ROW.sub("", name)) for name in (ours, theirs))
        row = ROW.search(ours)
        same = float(one == other)
        if row:  # of the layers that a number counts, after those of the modules around them
            around = re.findall(r"(?<![^.])\d+(?=\.)", ours)
            same = ([*around, row[1]] == other[: len(around) + 1]) + 0.5 * (one == other[1:])
        return SequenceMatcher(None, ROW.sub("", ours), theirs).ratio() + 2 * same

    scores = sorted(
        (
            (likeness(a.name, b.name), -i, -j)
            for i, a in enumerate(one)
            for j, b in enumerate(other)
        ),
        reverse=True,
    )
    pairs: dict[int, int] = {}
    for _, i, j in sorted(scores, reverse=True):
        if -i not in pairs and -j not in pairs.values():
            pairs[-i] = -j
    return [(one[i], other[j]) for i, j in sorted(pairs.items())]


def rows_in_order(pairs: list[tuple[Layer, Layer]]) -> list[tuple[Layer, Layer]]:
    """
    Return pairs in which the rows of each stacked array are layers of a list in their order.

    A list may be numbered from 1, or with other layers in between.
    """
    stacks: dict[str, list[tuple[Layer, Layer]]] = {}
    for one, other in pairs:
        stacks.setdefault(ROW.sub("", one.name), []).append((one, other))
    return [pair for stack in stacks.values() for pair in _in_order(stack)]


def _in_order(stack: list[tuple[Layer, Layer]]) -> list[tuple[Layer, Layer]]:
    numbers = [[int(x) for x in re.findall(r"\d+", other.name)] for _, other in stack]
    families = {re.sub(r"\d+", "#", other.name) for _, other in stack}
    if len(stack) == 1 or len(families) > 1:
        return stack
    if sum(len(set(column)) > 1 for column in zip(*numbers, strict=True)) != 1:
        return stack
    ours = sorted((one for one, _ in stack), key=lambda x: int(ROW.findall(x.name)[0]))
    ordered = sorted(zip(numbers, range(len(stack)), strict=True))
    return list(zip(ours, (stack[i][1] for _, i in ordered), strict=True))
