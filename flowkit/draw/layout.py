"""Layout: a drawing in layers, each vertex with its place, edges going down only.

The steps of Sugiyama, each in its own module: ranks, bends for edges that pass layers, an order
with few crossings, places that keep chains straight. Pure, deterministic and free of recursion.
Units are those of the widths given: cells for text, pixels for other pictures. Widths are odd, so
that every centre is a whole number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from flowkit.draw.drawing import Drawing, Edge
from flowkit.draw.ordering import count_crossings, ordered
from flowkit.draw.placement import placed
from flowkit.draw.ranks import ranks


@dataclass(frozen=True, slots=True)
class Layering:
    """A drawing cut into ordered layers; numbers stand for vertices.

    Args:
        drawing: what is laid out; its nodes are the vertices 0 … n - 1, bends follow.
        edges: the drawing's edges, parallel ones merged.
        paths: for every edge its vertices, from the source over its bends to the target.
        layers: every vertex once, top layer first, in order.
        above, below: for every vertex its neighbours one layer up and one layer down.
        labels: bends that carry a label, that of all edges through them.
    """

    drawing: Drawing
    edges: tuple[Edge, ...]
    paths: tuple[tuple[int, ...], ...]
    layers: tuple[tuple[int, ...], ...]
    above: tuple[tuple[int, ...], ...]
    below: tuple[tuple[int, ...], ...]
    labels: Mapping[int, str]

    def is_bend(self, vertex: int) -> bool:
        return vertex >= len(self.drawing.nodes)


@dataclass(frozen=True, slots=True)
class Vertex:
    """A node, or a bend of a long edge (`key` is None), in its place.

    Args:
        key: of the node, None for a bend.
        label: the edge's label where a bend carries it, else empty.
        layer: from 0 at the top; the y of the vertex.
        order: its place in the layer, from 0 at the left.
        x: of its centre.
        width: odd.
    """

    key: str | None
    label: str
    layer: int
    order: int
    x: int
    width: int


@dataclass(frozen=True, slots=True)
class Route:
    """An edge and the vertices that it passes, as numbers into `Layout.vertices`, source first."""

    edge: Edge
    path: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Layout:
    """A drawing with everything in its place.

    Args:
        width: of the whole; x runs from 0 to width - 1.
        vertices: the drawing's nodes in its order, then the bends.
        layers: every vertex once, top layer first, from left to right.
        routes: one for every pair of joined nodes.
    """

    width: int
    vertices: tuple[Vertex, ...]
    layers: tuple[tuple[int, ...], ...]
    routes: tuple[Route, ...]


def layout(
    drawing: Drawing, widths: Mapping[str, int], *, label_width: Callable[[str], int] = len, gap: int = 3
) -> Layout:
    """Lay out a drawing; parts that nothing joins stand side by side in the drawing's order.

    Args:
        drawing: what to lay out.
        widths: of every node, by key; even ones are rounded up to odd.
        label_width: the width of an edge's label.
        gap: between neighbours in a layer.
    """
    parts = [
        place(part, _vertex_widths(part, widths, label_width), gap)
        for part in map(layering, drawing.components())
    ]
    return _side_by_side(drawing, parts, gap)


def crossings(picture: Layout) -> int:
    """Return the number of crossings between edges, counted layer by layer."""
    _, below = _neighbours(len(picture.vertices), (route.path for route in picture.routes))
    places = [vertex.order for vertex in picture.vertices]
    return sum(count_crossings(layer, below, places) for layer in picture.layers)


def layering(drawing: Drawing) -> Layering:
    """Return the layers of a connected drawing, in an order with few crossings.

    Edges with the same label from the same node share the bend that carries it.
    """
    edges = drawing.merged_edges()
    paths, labels = _labelled_paths(drawing, edges)
    arcs = list(dict.fromkeys(arc for path in paths for arc in pairwise(path)))
    rank = ranks(len(drawing.nodes) + len(labels), [(upper, lower, 1) for upper, lower in arcs])
    paths = [_bent(path, rank) for path in paths]
    above, below = _neighbours(len(rank), paths)
    layers: list[list[int]] = [[] for _ in range(max(rank, default=-1) + 1)]
    for vertex, layer in enumerate(rank):
        layers[layer].append(vertex)
    return Layering(
        drawing,
        edges,
        tuple(paths),
        tuple(map(tuple, ordered(layers, above, below))),
        tuple(map(tuple, above)),
        tuple(map(tuple, below)),
        labels,
    )


def place(cut: Layering, widths: Sequence[int], gap: int, bend_gap: int = 1) -> Layout:
    """Place the vertices of a layering.

    Args:
        cut: the layers, in order.
        widths: of every vertex, odd.
        gap: between neighbours in a layer.
        bend_gap: between bends, which may stand closer.
    """
    bends = [cut.is_bend(vertex) for vertex in range(len(widths))]
    plain = [bend and vertex not in cut.labels for vertex, bend in enumerate(bends)]

    def distance(left: int, right: int) -> int:
        between = bend_gap if plain[left] and plain[right] else gap
        return (widths[left] + widths[right]) // 2 + between

    xs = placed(cut.layers, cut.above, cut.below, bends, _light(cut), distance)
    left = min((x - width // 2 for x, width in zip(xs, widths, strict=True)), default=0)
    xs = [x - left for x in xs]
    right = max((x + width // 2 + 1 for x, width in zip(xs, widths, strict=True)), default=0)
    spots = {vertex: (y, order) for y, row in enumerate(cut.layers) for order, vertex in enumerate(row)}
    nodes = cut.drawing.nodes
    vertices = tuple(
        Vertex(None if bends[at] else nodes[at].key, cut.labels.get(at, ""), *spots[at], xs[at], widths[at])
        for at in range(len(widths))
    )
    return Layout(right, vertices, cut.layers, tuple(map(Route, cut.edges, cut.paths)))


def _light(cut: Layering) -> list[bool]:
    """Parameters and the bends of their edges: the way of the tasks is the one to be seen."""
    light = [node.kind == "parameter" for node in cut.drawing.nodes]
    light += [False] * (len(cut.above) - len(light))
    for path in cut.paths:
        for bend in path[1:-1]:
            light[bend] = light[path[0]]
    return light


def _labelled_paths(drawing: Drawing, edges: Sequence[Edge]) -> tuple[list[tuple[int, ...]], dict[int, str]]:
    """Return every edge's ends, with a vertex for its label between them, and the labels by vertex."""
    number = {node.key: at for at, node in enumerate(drawing.nodes)}
    carriers: dict[tuple[str, str], int] = {}
    paths: list[tuple[int, ...]] = []
    for edge in edges:
        ends = number[edge.source], number[edge.target]
        if edge.label:
            carrier = carriers.setdefault((edge.source, edge.label), len(number) + len(carriers))
            paths.append((ends[0], carrier, ends[1]))
        else:
            paths.append(ends)
    return paths, {carrier: label for (_, label), carrier in carriers.items()}


def _bent(path: tuple[int, ...], rank: list[int]) -> tuple[int, ...]:
    """Return the path with a new vertex in every layer that it passes; their ranks are appended."""
    bent = [path[0]]
    for upper, lower in pairwise(path):
        bent += range(len(rank), len(rank) + rank[lower] - rank[upper] - 1)
        rank += range(rank[upper] + 1, rank[lower])
        bent.append(lower)
    return tuple(bent)


def _neighbours(size: int, paths: Iterable[Sequence[int]]) -> tuple[list[list[int]], list[list[int]]]:
    above: list[list[int]] = [[] for _ in range(size)]
    below: list[list[int]] = [[] for _ in range(size)]
    for upper, lower in dict.fromkeys(segment for path in paths for segment in pairwise(path)):
        below[upper].append(lower)
        above[lower].append(upper)
    return above, below


def _vertex_widths(cut: Layering, widths: Mapping[str, int], label_width: Callable[[str], int]) -> list[int]:
    nodes = [widths[node.key] for node in cut.drawing.nodes]
    bends = range(len(nodes), len(cut.above))
    return [width | 1 for width in nodes + [label_width(cut.labels.get(bend, "")) for bend in bends]]


def _side_by_side(drawing: Drawing, parts: list[Layout], gap: int) -> Layout:
    """Join the layouts of a drawing's components into one, numbering nodes first again."""
    nodes: dict[str, Vertex] = {}
    bends: list[Vertex] = []
    layers: list[list[int]] = []
    routes: list[Route] = []
    number = {node.key: at for at, node in enumerate(drawing.nodes)}
    left = 0
    for part in parts:
        renumbered: list[int] = []
        for vertex in part.vertices:
            order = vertex.order + (len(layers[vertex.layer]) if vertex.layer < len(layers) else 0)
            moved = Vertex(vertex.key, vertex.label, vertex.layer, order, vertex.x + left, vertex.width)
            if vertex.key is None:
                renumbered.append(len(number) + len(bends))
                bends.append(moved)
            else:
                renumbered.append(number[vertex.key])
                nodes[vertex.key] = moved
        layers += [[] for _ in range(len(part.layers) - len(layers))]
        for depth, layer in enumerate(part.layers):
            layers[depth] += [renumbered[at] for at in layer]
        routes += [Route(route.edge, tuple(renumbered[at] for at in route.path)) for route in part.routes]
        left += part.width + gap
    vertices = (*(nodes[node.key] for node in drawing.nodes), *bends)
    return Layout(max(left - gap, 0), vertices, tuple(map(tuple, layers)), tuple(routes))
