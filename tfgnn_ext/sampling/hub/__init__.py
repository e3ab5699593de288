"""Hubs: sources with more edges than a block should hold, cut in slices of their canonical order.

A hub's edges do not go to a block. They are cut at splitters, taken from a sample of them, so that
each slice is a contiguous run of the canonical order and holds about `hub_edges` edges. A small
table says for each slice how many edges, how much weight and which first time it has; with it, what
a request draws is turned into (slice, position) without looking at the edges, and only then asked
of the slices. So no place holds a hub, nor all requests for it.

On an edge set with a time, the slice in which a seed's time falls is asked for the rank first.
"""
