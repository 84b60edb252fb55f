"""How many levels each channel uses: what dynamic discretisation has learned."""

from lutjax.systems.tinylut import structure, tables
from lutjax.types import Variables


def levels_used(config: structure.Config, variables: Variables) -> dict[str, list[int]]:
  """Returns the levels that each input channel of each layer reaches.

  Args:
    config: The structure.
    variables: Entries.

  Returns:
    Counts of the channels by the layer's name, such as `high 1: pointwise`; the spatial
    layers, whose inputs are pixels, are left out.
  """
  found = {}
  for branch, held in variables.params.items():
    kinds = structure.layers(config)
    for i, (layer, kind) in enumerate(zip(held['layers'], kinds)):
      name = 'up' if kind.last else kind.kind
      mask = tables.reached(config, branch, layer)
      found[f'{branch} {i + 1}: {name}'] = [int(count) for count in mask.sum(axis=1)]
  return found
